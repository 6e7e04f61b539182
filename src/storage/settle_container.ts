/** Writing down how a container ended whose run process was killed. */
import { ERRNO } from "../ffi/errno.ts";
import { isErrno, removeDirectory } from "../ffi/quick_files.ts";
import { currentBoot, processStart } from "./container_lock.ts";
import { changeRecord, type ContainerRecord, readRecord, timestamp } from "./container_record.ts";

/** What the exit code of a container is when the process that ran it was killed: 128 + SIGKILL. */
const KILLED = 137;
const UNWRITABLE = [ERRNO.ENOSPC, ERRNO.EDQUOT, ERRNO.EROFS];

/** The caller holds the lock: nobody else is going to say how this container ended. */
export function settle(directory: string, before: ContainerRecord): ContainerRecord {
  // The run process may have written the end between our reading and our locking.
  const record = readRecord(directory) ?? before;
  const { state } = record;
  if (state.status !== "restarting" && state.status !== "running") return record;
  if (state.status === "running" && isSameProcess(state)) return record;
  const rebooted = state.status === "running" && !isOfThisBoot(state);
  if (state.status === "running" && state.cgroup !== undefined) removeGroup(state.cgroup);
  const settled: ContainerRecord = {
    ...record,
    state: {
      status: "exited",
      exitCode: state.status === "running" ? KILLED : state.exitCode,
      error: rebooted
        ? "the host was started anew while it ran"
        : "the process that ran it was killed",
      startedAt: state.startedAt,
      finishedAt: timestamp(),
    },
  };
  return write(directory, settled);
}

/** Of a dead container: it is empty, or will be found by who makes the next one there. */
function removeGroup(path: string): void {
  try {
    removeDirectory(path);
  } catch {
    // Gone with its scope, or the last process has not quite ended.
  }
}

/** What commands change meanwhile, such as the name, stays. On a disk that takes nothing, the truth is told all the same. */
function write(directory: string, settled: ContainerRecord): ContainerRecord {
  try {
    return changeRecord(directory, (now) => ({ ...now, state: settled.state })) ?? settled;
  } catch (thrown) {
    if (UNWRITABLE.some((errno) => isErrno(thrown, errno))) return settled;
    throw thrown;
  }
}

/** After a reboot another process may have the number, and by chance the start time, too. */
export function isSameProcess(
  { pid, pidStart, bootId }: { pid: number; pidStart: number; bootId?: string | undefined },
): boolean {
  return processStart(pid) === pidStart && isOfThisBoot({ bootId });
}

/** What older versions wrote does not say. */
function isOfThisBoot({ bootId }: { bootId?: string | undefined }): boolean {
  return bootId === undefined || bootId === currentBoot();
}
