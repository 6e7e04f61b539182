/** `run`: an image becomes a running process, attached to us, until it ends. */
import { mkdirSync } from "node:fs";
import { launchNotes } from "../container/annotations.ts";
import type { RunOptions } from "../container/run_options.ts";
import { containerHostname, containerLabels, makeSpec } from "../container/spec.ts";
import { withUser } from "../container/with_user.ts";
import { SIGKILL } from "../ffi/constants.ts";
import { exitStatus, sendSignal } from "../ffi/process.ts";
import type { RuntimeSpec } from "../oci/runtime_spec.ts";
import { Launch, type Running } from "../rootless/launch.ts";
import { ownIdMap } from "../rootless/subids.ts";
import { seccompFilter } from "../rootless/seccomp/filter.ts";
import { openUserNamespace, type UserNamespace } from "../rootless/user_namespace.ts";
import { processStart } from "../storage/container_lock.ts";
import {
  type ContainerRecord,
  type ContainerState,
  summarizeSpec,
  timestamp,
  writeRecord,
} from "../storage/container_record.ts";
import { createContainer, type NewContainer } from "../storage/containers.ts";
import type { StoredImage } from "../storage/image_index.ts";
import { openStore } from "../storage/layout.ts";
import { messageOf, TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { attach, type Session } from "./run/attach.ts";
import { prepareBindSources } from "./run/bind_sources.ts";
import { writeCidfile } from "./run/cidfile.ts";
import { discardContainer } from "./run/discard.ts";
import { writeEtcFiles } from "./run/etc.ts";
import type { RunHost } from "./run/host.ts";
import {
  deviceNodes,
  hostname,
  isDirectory,
  thermalThrottle,
  withoutMissingQueue,
} from "./run/host_facts.ts";
import { imageDefaults, imageFor } from "./run/image.ts";
import { prepareNetwork, type RunNetwork } from "./run/network.ts";
import { givenDirectory, imageFilesystem, type RootFilesystem } from "./run/root_filesystem.ts";
import { customProfile } from "./run/seccomp.ts";
import { statusOf } from "./run/status.ts";
import { kernelRelease } from "./version.ts";

export type { RunHost } from "./run/host.ts";

/** Everything about one container that is being run. */
interface Run {
  options: RunOptions;
  context: EngineContext;
  host: RunHost;
  image: StoredImage | undefined;
  userns: UserNamespace;
  container: NewContainer;
}

/**
 * Runs a container attached and returns its exit status.
 * @throws TsboxError when it could not be started; nothing of it is left then but, without `--rm`, its record
 */
export async function run(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<number> {
  prepareBindSources(options.mounts);
  openStore(context.dataRoot);
  mkdirSync(context.runtimeDir, { recursive: true, mode: 0o700 });
  const image = options.rootfs === undefined ? await imageFor(options, context, host) : undefined;
  const userns = openUserNamespace(idMap(options, context, host), context.runtimeDir);
  const wanted = options.name === undefined ? {} : { name: options.name };
  const container = createContainer(context.dataRoot, wanted);
  const it: Run = { options, context, host, image, userns, container };
  try {
    if (options.cidfile !== undefined) writeCidfile(options.cidfile, container.id);
    return await runCreated(it);
  } finally {
    container.lock.release();
  }
}

function idMap(options: RunOptions, { uid, gid }: EngineContext, host: RunHost) {
  const map = ownIdMap({ uid, gid, name: host.userName, mode: options.userns });
  if (map.reason === undefined) return map;
  const { message, hint = "" } = map.reason;
  host.notice(`tsbox: warning: only one user id is available in containers: ${message}; ${hint}`);
  return map;
}

async function runCreated(it: Run): Promise<number> {
  const { options, container, userns, context, host } = it;
  let record: ContainerRecord | undefined;
  try {
    const root = await makeRoot(it);
    try {
      const network = await prepareNetwork(options, context);
      const spec = await specOf(it, root, network);
      record = newRecord(it, root, network, spec);
      return await runSpec(it, root, network, spec, record);
    } finally {
      await root.release(options.remove);
    }
  } catch (error) {
    if (record === undefined) await discardContainer(container, userns, context, host);
    else if (record.state.status === "created") keepFailed(it, record, error);
    throw error;
  } finally {
    if (options.remove || options.debugPlan) {
      await discardContainer(container, userns, context, host);
    }
  }
}

/** As with docker, a container that could not be started stays, so that `ps -a` and `inspect` tell why. */
function keepFailed({ container }: Run, record: ContainerRecord, error: unknown): void {
  const state: ContainerState = {
    status: "created",
    exitCode: statusOf(error),
    error: messageOf(error),
  };
  writeRecord(container.directory, { ...record, state });
}

async function makeRoot(it: Run): Promise<RootFilesystem> {
  const { options, image, container, userns, context, host } = it;
  if (options.rootfs !== undefined) return givenDirectory(options.rootfs);
  if (image === undefined) throw new TsboxError("invalid-argument", "no image specified");
  return await imageFilesystem(image, container.directory, options, userns, context, host);
}

async function specOf(
  it: Run,
  root: RootFilesystem,
  network: RunNetwork,
): Promise<RuntimeSpec> {
  const { options, container, userns } = it;
  const facts = { id: container.id, hostname: hostname() };
  const name = containerHostname(options, facts);
  const { rootfs } = root;
  const profile = await customProfile(options);
  const spec = makeSpec(options, imageDefaults(it.image), {
    ...facts,
    ids: userns.map,
    rootfs: rootfs.kind === "directory" ? rootfs.path : rootfs.mountPoint,
    etc: writeEtcFiles(container.directory, name, options, network.etc),
    devices: deviceNodes(options),
    thermalThrottle: thermalThrottle(),
    ...(profile === undefined ? {} : { seccomp: profile }),
  });
  return { ...spec, mounts: withoutMissingQueue(spec.mounts) };
}

function newRecord(
  it: Run,
  root: RootFilesystem,
  network: RunNetwork,
  spec: RuntimeSpec,
): ContainerRecord {
  const { options, image, container } = it;
  return {
    id: container.id,
    name: container.name,
    created: timestamp(),
    image: { reference: options.image, id: image?.id ?? "" },
    options: { ...options, publish: [...network.ports] },
    spec: summarizeSpec(spec),
    labels: containerLabels(options, imageDefaults(image)),
    driver: root.driver,
    ownersLost: image?.ownersLost ?? false,
    state: { status: "created" },
  };
}

async function runSpec(
  it: Run,
  root: RootFilesystem,
  network: RunNetwork,
  spec: RuntimeSpec,
  record: ContainerRecord,
): Promise<number> {
  const { options, container, host } = it;
  if (options.debugPlan) return await printPlan(it, root, network, spec);
  const session = attach(options, host);
  const running = await started(it, root, network, spec, session);
  try {
    record.state = {
      status: "running",
      pid: running.pid,
      pidStart: processStart(running.pid) ?? 0,
      startedAt: timestamp(),
    };
    writeRecord(container.directory, record);
    await session.run(running);
  } finally {
    sendSignal(running.pid, SIGKILL);
    network.disconnect();
  }
  const exitCode = exitStatus(await running.ended);
  const { startedAt } = record.state;
  record.state = { status: "exited", exitCode, startedAt, finishedAt: timestamp() };
  if (!options.remove) writeRecord(container.directory, record);
  return exitCode;
}

/**
 * `--debug-plan`: prints what would be run. The root file system is mounted, in namespaces that end at
 * once, because only the image knows who its user is.
 */
async function printPlan(
  it: Run,
  root: RootFilesystem,
  network: RunNetwork,
  spec: RuntimeSpec,
): Promise<number> {
  const terminal = it.options.tty ? { rows: 24, columns: 80 } : undefined;
  const launch = await begin(it, root, spec, { descriptors: [0, 1, 2], terminal });
  try {
    const complete = withUser(spec, launch.userFiles());
    const filter = await seccompFilter(complete, kernelRelease);
    it.host.print(launch.plan(complete.process, filter));
    return 0;
  } finally {
    launch.abort();
    network.disconnect();
  }
}

async function begin(
  { userns }: Run,
  root: RootFilesystem,
  spec: RuntimeSpec,
  { descriptors, terminal }: Pick<Session, "descriptors" | "terminal">,
): Promise<Launch> {
  const notes = launchNotes(spec);
  const init = notes.init ? (await import("../rootless/init/init_elf.ts")).initElf() : undefined;
  return new Launch({
    spec,
    rootfs: root.rootfs,
    userns,
    volumes: notes.volumes,
    isDirectory,
    stdio: descriptors,
    ...(terminal === undefined ? {} : { terminal }),
    ...(init === undefined ? {} : { init }),
  });
}

/** Launches the process; when that fails nothing of it is left. */
async function started(
  it: Run,
  root: RootFilesystem,
  network: RunNetwork,
  spec: RuntimeSpec,
  session: Session,
): Promise<Running> {
  let launch: Launch | undefined;
  try {
    launch = await begin(it, root, spec, session);
    const complete = withUser(spec, launch.userFiles());
    const filter = await seccompFilter(complete, kernelRelease);
    const warning = await network.connect(launch);
    if (warning !== undefined) it.host.notice(`tsbox: warning: ${warning}`);
    return launch.execute(complete.process, filter);
  } catch (error) {
    launch?.abort();
    session.abandon();
    network.disconnect();
    throw error;
  }
}
