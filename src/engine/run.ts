/** `run`: an image becomes a running process, attached to us, until it ends. */
import { launchNotes } from "../container/annotations.ts";
import type { RunOptions } from "../container/run_options.ts";
import { containerHostname, containerLabels, makeSpec } from "../container/spec.ts";
import { withUser } from "../container/with_user.ts";
import { SIGKILL } from "../ffi/constants.ts";
import { exitStatus } from "../ffi/process.ts";
import type { RuntimeSpec } from "../oci/runtime_spec.ts";
import { seccompFilter } from "../rootless/seccomp/filter.ts";
import { processStart } from "../storage/container_lock.ts";
import {
  type ContainerRecord,
  type ContainerState,
  summarizeSpec,
  timestamp,
  writeRecord,
} from "../storage/container_record.ts";
import type { NewContainer } from "../storage/containers.ts";
import { messageOf, TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { writeCidfile } from "./run/cidfile.ts";
import { create } from "./run/create.ts";
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
import { imageDefaults } from "./run/image.ts";
import { type Preparation, prepareRun } from "./run/preparation.ts";
import { givenDirectory, imageFilesystem, type RootFilesystem } from "./run/root_filesystem.ts";
import { customProfile } from "./run/seccomp.ts";
import { statusOf } from "./run/status.ts";
import { kernelRelease } from "./kernel_release.ts";

export type { RunHost } from "./run/host.ts";

/** Exit status when the command succeeded, but what it wrote could not be written where the user wants it. */
const LOST_OUTPUT = 125;

/** Everything about one container that is being run. */
interface Run extends Preparation {
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
  try {
    return await runPrepared(options, context, host);
  } catch (error) {
    const { explainFailure } = await import("../rootless/remedies.ts");
    throw explainFailure(error);
  }
}

async function runPrepared(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<number> {
  const preparation = await prepareRun(options, context, host);
  try {
    const container = await create(options.name, context, host);
    try {
      return await runCreated({ ...preparation, container });
    } finally {
      container.lock.release();
    }
  } finally {
    preparation.giveUp();
  }
}

async function runCreated(it: Run): Promise<number> {
  const { options, container, userns, context, host } = it;
  let record: ContainerRecord | undefined;
  try {
    if (options.cidfile !== undefined) writeCidfile(options.cidfile, container.id);
    const root = await makeRoot(it);
    try {
      const spec = await specOf(it, root);
      record = newRecord(it, root, spec);
      return await runSpec(it, root, spec, record);
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
  const { options, image, driver } = it;
  if (options.rootfs !== undefined) return givenDirectory(options.rootfs);
  if (image === undefined || driver === undefined) {
    throw new TsboxError("invalid-argument", "no image specified");
  }
  return await imageFilesystem(image, driver, it);
}

async function specOf(it: Run, root: RootFilesystem): Promise<RuntimeSpec> {
  const { options, container, userns, network } = it;
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

function newRecord(it: Run, root: RootFilesystem, spec: RuntimeSpec): ContainerRecord {
  const { options, image, container, network } = it;
  return {
    id: container.id,
    name: container.name,
    created: timestamp(),
    image: { reference: options.image, id: image?.id ?? "" },
    options,
    ports: [...network.ports],
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
  spec: RuntimeSpec,
  record: ContainerRecord,
): Promise<number> {
  const { options, container, host, session, network } = it;
  const launch = await it.launch();
  const { descriptors: stdio, terminal } = session;
  const { volumes } = launchNotes(spec);
  const { rootfs } = root;
  const planOnly = options.debugPlan;
  launch.setUp({ spec, rootfs, volumes, isDirectory, stdio, terminal, planOnly });
  const { process } = withUser(spec, launch.userFiles());
  const filter = await seccompFilter(spec, kernelRelease);
  if (planOnly) {
    host.print(launch.plan(process, filter));
    return 0;
  }
  const warning = await network.ready();
  if (warning !== undefined) host.notice(`tsbox: warning: ${warning}`);
  session.starting();
  const endOrphans = options.pid === "host" ? await orphansOf(launch.pid) : undefined;
  const running = launch.execute(process, filter);
  let delivered = false;
  try {
    record.state = {
      status: "running",
      pid: running.pid,
      pidStart: processStart(running.pid) ?? 0,
      startedAt: timestamp(),
    };
    writeRecord(container.directory, record);
    delivered = await session.run(running);
  } finally {
    running.signal(SIGKILL);
    await running.ended;
    endOrphans?.();
  }
  const exitCode = exitStatus(await running.ended);
  const { startedAt } = record.state;
  record.state = { status: "exited", exitCode, startedAt, finishedAt: timestamp() };
  if (!options.remove) writeRecord(container.directory, record);
  return exitCode === 0 && !delivered ? LOST_OUTPUT : exitCode;
}

/** Returns what ends the processes that the first one, which shares the host's process ids, leaves behind. */
async function orphansOf(pid: number): Promise<() => void> {
  const { adoptOrphans, killOrphans, mountNamespace } = await import("./run/orphans.ts");
  adoptOrphans();
  const namespace = mountNamespace(pid);
  return () => namespace === undefined ? undefined : killOrphans(namespace);
}
