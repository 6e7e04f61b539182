/** One life of a container's first process: from the root file system to its exit status. */
import type { RunOptions } from "../../container/run_options.ts";
import { containerHostname, containerLabels, makeSpec } from "../../container/spec.ts";
import { withUser } from "../../container/with_user.ts";
import { SIGKILL } from "../../ffi/constants.ts";
import { exitStatus } from "../../ffi/process.ts";
import { effectiveHealthcheck } from "../../oci/effective_healthcheck.ts";
import type { RuntimeSpec } from "../../oci/runtime_spec.ts";
import type { Launch, Running } from "../../rootless/launch.ts";
import { seccompFilter } from "../../rootless/seccomp/filter.ts";
import { type ContainerRecord, summarizeSpec, timestamp } from "../../storage/container_record.ts";
import { logEvents, type StoreEvent } from "../../storage/event_log.ts";
import { TsboxError } from "../../errors.ts";
import { containerEvent } from "../events/container_event.ts";
import { kernelRelease } from "../kernel_release.ts";
import { writeEtcFiles } from "./etc.ts";
import {
  deviceNodes,
  hostname,
  isDirectory,
  thermalThrottle,
  withoutMissingQueue,
} from "./host_facts.ts";
import { imageDefaults } from "./image.ts";
import type { Run } from "./preparation.ts";
import { givenDirectory, imageFilesystem, type RootFilesystem } from "./root_filesystem.ts";
import type { RunNetwork } from "./network.ts";
import { customProfile } from "./seccomp.ts";
import { keepingOf } from "./keeping.ts";
import { begin, type Beginning, endEvents } from "./life_record.ts";
import type { VolumePlace } from "./volumes.ts";

/** How far it got; the caller sees it also when it fails. */
export interface Progress {
  record?: ContainerRecord;
  /** Takes the events of the end, for a caller who has more to write down at once. */
  held?: StoreEvent[];
}

/** The first process has ended, or (`--debug-plan`) was never started. */
export interface Outcome {
  exitCode: number;
  /** Everything it wrote is where the user wants it. */
  delivered: boolean;
}

/**
 * Runs the container's process once. `progress.record` is the container as its file says, and, when this
 * returns, as it shall say: with the end in it.
 * @throws TsboxError when it could not be started
 */
export async function runOnce(it: Run, progress: Progress): Promise<Outcome> {
  it.options = await withMounts(it);
  const root = await makeRoot(it);
  try {
    const { rootfs } = root;
    const place = rootfs.kind === "directory" ? rootfs.path : rootfs.mountPoint;
    return await runSpec(it, root, await specOf(it, place), progress);
  } finally {
    await root.release(it.options.remove);
  }
}

/** The options with all mounts in them; nothing about volumes is loaded for a container that has none. */
export function withMounts(place: VolumePlace): Promise<RunOptions> | RunOptions {
  const { options, image, previous } = place;
  const { mounts, volumesFrom } = previous?.options ?? options;
  let wanted = volumesFrom !== undefined || (image?.config.volumes.length ?? 0) > 0;
  for (const { type } of mounts) wanted ||= type === "volume";
  if (!wanted) return options;
  return import("./volumes.ts").then(({ withPreparedVolumes }) => withPreparedVolumes(place));
}

function makeRoot(it: Run): Promise<RootFilesystem> | RootFilesystem {
  const { options, image, driver } = it;
  if (options.rootfs !== undefined) return givenDirectory(options.rootfs);
  if (image === undefined || driver === undefined) {
    throw new TsboxError("invalid-argument", "no image specified");
  }
  return imageFilesystem(image, driver, it);
}

/** What a spec is made for. */
type SpecPlace = Pick<Run, "options" | "image" | "userns" | "container"> & {
  network: Pick<RunNetwork, "etc">;
};

/**
 * The spec of a container whose root file system is at `rootfs`, an absolute path; writes the files it mounts
 * below /etc.
 */
export async function specOf(it: SpecPlace, rootfs: string): Promise<RuntimeSpec> {
  const { options, container, userns, network } = it;
  // Only who shares the host's network has its name.
  const facts = { id: container.id, hostname: options.network === "host" ? hostname() : "" };
  const name = containerHostname(options, facts);
  const { oomScoreAdj } = options;
  if (oomScoreAdj !== undefined) (await import("./oom_score.ts")).refuseLowerScore(oomScoreAdj);
  const profile = await customProfile(options);
  const spec = makeSpec(options, imageDefaults(it.image), {
    ...facts,
    ids: userns.map,
    rootfs,
    etc: writeEtcFiles(container.directory, name, options, network.etc),
    devices: deviceNodes(options),
    thermalThrottle: thermalThrottle(),
    ...(profile === undefined ? {} : { seccomp: profile }),
  });
  return { ...spec, mounts: withoutMissingQueue(spec.mounts) };
}

function recordOf(it: Run, root: RootFilesystem, spec: RuntimeSpec): ContainerRecord {
  const { options, image, container, network, previous } = it;
  const current = { ports: [...network.ports], spec: summarizeSpec(spec), driver: root.driver };
  if (previous !== undefined) return { ...previous, ...current };
  const stopSignal = options.stopSignal ?? image?.config.stopSignal;
  return {
    id: container.id,
    name: container.name,
    created: timestamp(),
    image: { reference: options.image, id: image?.id ?? "" },
    options,
    ...current,
    labels: containerLabels(options, imageDefaults(image)),
    ownersLost: image?.ownersLost ?? false,
    ...(stopSignal && { stopSignal }),
    ...declaredPart(options, image),
    state: { status: "created" },
  };
}

/** What a record says of checks and ports: nothing, mostly. */
export function declaredPart(
  options: RunOptions,
  image: Run["image"],
): Pick<ContainerRecord, "healthcheck" | "shell" | "exposed"> {
  const { healthcheck: own } = options;
  const { healthcheck: given, shell, exposedPorts = [] } = image?.config ?? {};
  const exposed = [...exposedPorts, ...options.expose ?? []];
  const part = exposed.length === 0 ? {} : { exposed };
  if (own === undefined && given === undefined) return part;
  const healthcheck = effectiveHealthcheck(own, given);
  return healthcheck === undefined ? part : { ...part, healthcheck, ...(shell && { shell }) };
}

async function runSpec(
  it: Run,
  root: RootFilesystem,
  spec: RuntimeSpec,
  progress: Progress,
): Promise<Outcome> {
  const { options, host, session, network } = it;
  const { descriptors: stdio, terminal } = session;
  const { rootfs } = root;
  const planOnly = options.debugPlan;
  const recorded = () => progress.record ??= recordOf(it, root, spec);
  try {
    const launch = await it.launch();
    const keeping = keepingOf(it);
    launch.setUp({ spec, rootfs, isDirectory, stdio, terminal, planOnly, keeping });
    await session.prepare?.();
    // While the root is being made.
    const filter = launch.hasFilter ? undefined : await seccompFilter(spec, kernelRelease);
    const { process } = withUser(spec, launch.userFiles());
    if (planOnly) {
      host.print(launch.plan(process, filter));
      return { exitCode: 0, delivered: true };
    }
    const warning = await network.ready();
    if (warning !== undefined) host.notice(`tsbox: warning: ${warning}`);
    session.starting(() => recorded().healthcheck === undefined);
    const endOrphans = options.pid === "host" ? await orphansOf(launch.pid) : undefined;
    const executed = launch.execute(process, filter);
    // While the process is on its way to its command.
    const beginning = begin(it, launch, recorded());
    it.cgroup?.tidy();
    const running = executed();
    try {
      return await serve(it, { launch, running }, recorded(), beginning, progress);
    } finally {
      endOrphans?.();
    }
  } catch (error) {
    // One that fails stays with its record.
    recorded();
    throw error;
  }
}

/** Until the process has ended, whatever else fails. */
async function serve(
  it: Run,
  { launch, running }: { launch: Launch; running: Running },
  record: ContainerRecord,
  { state, announce }: Beginning,
  progress: Progress,
): Promise<Outcome> {
  const { session, cgroup } = it;
  const { startedAt } = state;
  let delivered = false;
  let endChecks = () => {};
  try {
    record.state = state;
    announce();
    launch.keep();
    if (record.healthcheck !== undefined) endChecks = await beginChecks(it, record);
    delivered = await session.run(running);
  } finally {
    endChecks();
    running.signal(SIGKILL);
    await running.ended;
  }
  const exitCode = exitStatus(await running.ended);
  const oom = cgroup?.oomKilled() ? { oomKilled: true } : {};
  record.state = { status: "exited", exitCode, ...oom, startedAt, finishedAt: timestamp() };
  const events = endEvents(record, cgroup?.oomUntold() ?? false);
  if (progress.held === undefined) logEvents(it.context.dataRoot, events);
  else progress.held.push(...events);
  return { exitCode, delivered };
}

async function beginChecks(
  { container: { directory }, context: { dataRoot }, host: { self } }: Run,
  record: ContainerRecord,
): Promise<() => void> {
  const { healthcheck: check } = record;
  if (check === undefined) return () => {};
  const { watchHealth } = await import("../health/watch.ts");
  const changed = (status: string) =>
    logEvents(dataRoot, [containerEvent(record, `health_status: ${status}`)]);
  return watchHealth({ dataRoot, directory, record, check, self, changed });
}

/** Returns what ends the processes that the first one, which shares the host's process ids, leaves behind. */
async function orphansOf(pid: number): Promise<() => void> {
  const { adoptOrphans, killOrphans, mountNamespace } = await import("./orphans.ts");
  adoptOrphans();
  const namespace = mountNamespace(pid);
  return () => namespace === undefined ? undefined : killOrphans(namespace);
}
