/** A container's root, for a worker that copies: of one that runs its own, else one that is mounted for the worker. */
import { closeFile, exists } from "../../ffi/quick_files.ts";
import { closeContainerProcess, openContainerProcess } from "../../rootless/container_process.ts";
import { type Driver, findFuseOverlay } from "../../rootless/drivers/choose_driver.ts";
import { type MountedRoot, opMountedRoot } from "../../rootless/mounted_root.ts";
import { ownIdMap } from "../../rootless/subids.ts";
import { openUserNamespace, type UserNamespace } from "../../rootless/user_namespace.ts";
import type { WorkerPlace } from "../../rootless/worker.ts";
import { type ContainerLock, lockIfFree, processStart } from "../../storage/container_lock.ts";
import { type ContainerRecord, readRecord } from "../../storage/container_record.ts";
import { type StoredContainer } from "../../storage/containers.ts";
import { findContainer } from "../../storage/find_container.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { ensureRuntimeDir } from "../runtime_dir.ts";
import type { RunHost } from "../run/host.ts";
import { isDirectory } from "../run/host_facts.ts";
import { imageById } from "../run/image.ts";
import { givenDirectory, imageFilesystem, type RootFilesystem } from "../run/root_filesystem.ts";

/** What a worker needs to copy. */
export interface ContainerRoot {
  userns: UserNamespace;
  /** Gives the worker `stream` and the root. */
  place(stream: number): WorkerPlace;
  /** To be called when the worker has ended. */
  close(): Promise<void>;
}

/** Milliseconds that a container may be neither running nor ours: it starts, ends, or is copied by others. */
const PATIENCE = 10_000;
const POLL = 10;

/**
 * Opens the root of a container. One that does not run is locked until the worker has ended.
 * @throws TsboxError "not-found", "in-use" when others do not let go of it
 */
export async function openContainerRoot(
  context: EngineContext,
  host: RunHost,
  name: string,
): Promise<ContainerRoot> {
  for (const deadline = performance.now() + PATIENCE;; await Bun.sleep(POLL)) {
    const container = findContainer(context.dataRoot, name);
    const running = runningRoot(context, host, container.record);
    if (running !== undefined) return running;
    const lock = lockIfFree(container.directory, "exclusive");
    if (lock !== undefined) return await lockedRoot(context, host, container, lock);
    if (performance.now() > deadline) throw inUse(name);
  }
}

function runningRoot(
  context: EngineContext,
  host: RunHost,
  { state, options }: ContainerRecord,
): ContainerRoot | undefined {
  if (state.status !== "running") return undefined;
  const { pid, pidStart } = state;
  const process = openContainerProcess(pid, () => processStart(pid) === pidStart);
  if (process === undefined) return undefined;
  const map = ownIdMap(idRequest(context, host, options.userns));
  return {
    userns: { fd: process.userns, map },
    place: (stream) => () => [stream, process.root],
    close: () => Promise.resolve(closeContainerProcess(process)),
  };
}

async function lockedRoot(
  context: EngineContext,
  host: RunHost,
  { directory }: StoredContainer,
  lock: ContainerLock,
): Promise<ContainerRoot> {
  try {
    // It may have been started, and have ended, since it was looked at.
    const record = readRecord(directory);
    if (record === undefined) throw new TsboxError("not-found", "the container was removed");
    return await stoppedRoot(context, host, { directory, record, lock });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A container that is ours while we hold its lock. */
interface LockedContainer {
  directory: string;
  record: ContainerRecord;
  lock: ContainerLock;
}

async function stoppedRoot(
  context: EngineContext,
  host: RunHost,
  container: LockedContainer,
): Promise<ContainerRoot> {
  const { record, lock } = container;
  ensureRuntimeDir(context.runtimeDir, context.uid);
  const map = ownIdMap(idRequest(context, host, record.options.userns));
  const userns = openUserNamespace(map, context.runtimeDir);
  try {
    const root = await rootOf(context, host, container, userns);
    const mounted: MountedRoot = {
      rootfs: root.rootfs,
      mounts: bindsOf(record),
      readOnly: record.options.readOnly,
    };
    return {
      userns,
      // The worker has the lock too: whatever becomes of us, nobody else mounts what it has mounted.
      place: (stream) => (program) => [stream, opMountedRoot(program, mounted), lock.fd],
      close: async () => {
        closeFile(userns.fd);
        await root.release(false);
        lock.release();
      },
    };
  } catch (error) {
    closeFile(userns.fd);
    throw error;
  }
}

async function rootOf(
  context: EngineContext,
  host: RunHost,
  { directory, record }: LockedContainer,
  userns: UserNamespace,
): Promise<RootFilesystem> {
  const { rootfs } = record.options;
  if (rootfs !== undefined) return givenDirectory(rootfs);
  const container = { directory };
  // What is written has to survive: the options of the place are not the container's `--rm`.
  const options = { remove: false };
  const place = { options, userns, context, host, container };
  return await imageFilesystem(imageById(record.image.id, context), driverOf(record), place);
}

function driverOf({ driver }: ContainerRecord): Driver {
  if (driver === "overlay" || driver === "copy") return { name: driver };
  const executable = findFuseOverlay();
  if (typeof executable === "string") return { name: "fuse-overlayfs", executable };
  const { reason, remedy } = executable;
  const message = `Cannot use the container's storage driver fuse-overlayfs: ${reason}`;
  throw new TsboxError("host", message, { hint: remedy });
}

/** Volumes, the caller's directories and the files below /etc: not what is the kernel's. */
function bindsOf({ spec, options }: ContainerRecord): MountedRoot["mounts"] {
  return spec.mounts.flatMap((mount) => {
    const { type, destination, source } = mount;
    if (type !== "bind" || /^\/(dev|proc|sys)(\/|$)/.test(destination)) return [];
    const subpath = subpathOf(options, destination);
    const path = subpath === undefined ? source : `${source}/${subpath}`;
    // What is gone cannot be copied; the container could not start without it either.
    if (!exists(path)) return [];
    return [{ mount, isDirectory: isDirectory(path), subpath }];
  });
}

function subpathOf({ mounts }: ContainerRecord["options"], target: string): string | undefined {
  const mount = mounts.find((mount) => mount.target === target);
  return mount?.type === "volume" ? mount.subpath : undefined;
}

function idRequest(
  { uid, gid }: EngineContext,
  { userName }: RunHost,
  mode: ContainerRecord["options"]["userns"],
) {
  return { uid, gid, name: userName, mode };
}

function inUse(name: string): TsboxError {
  return new TsboxError("in-use", `Cannot copy files of container ${name}: it is being changed`, {
    hint: "try again",
  });
}
