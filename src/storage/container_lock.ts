import { O } from "../ffi/constants.ts";
import { ERRNO } from "../ffi/errno.ts";
import { raw, sys } from "../ffi/libc.ts";
import {
  closeFile,
  exists,
  isErrno,
  openFile,
  readText,
  readTextIfAny,
} from "../ffi/quick_files.ts";

/** Of flock(2). */
const LOCK = { SH: 1, EX: 2, NB: 4 };

/** A held lock; the kernel releases it when the holder dies. */
export interface ContainerLock {
  /** Close-on-exec: no child keeps the lock. */
  fd: number;
  /** May be called again: then it does nothing. */
  release(): void;
}

function held(fd: number): ContainerLock {
  let open = true;
  const release = () => {
    // A second close could hit a descriptor that someone else got meanwhile.
    if (open) closeFile(fd);
    open = false;
  };
  return { fd, release };
}

/**
 * Makes the lock file of a new container and takes it for as long as the container lives. Undefined when
 * somebody has deleted the directory meanwhile, since nobody held its lock.
 */
export function makeLock(directory: string): ContainerLock | undefined {
  const path = `${directory}/lock`;
  let fd: number;
  try {
    fd = openFile(path, O.WRONLY | O.CREAT, 0o600);
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return undefined;
    throw thrown;
  }
  sys(`lock "${path}"`, "flock", fd, LOCK.EX);
  if (exists(path)) return held(fd);
  closeFile(fd);
  return undefined;
}

/**
 * Takes the lock of a container whose run process may be dead. `shared` is for looking: those who
 * look at once must not take each other for the owner; `exclusive` is for removing.
 * Returns undefined when it is held, or the container is gone.
 */
export function tryLock(
  directory: string,
  mode: "shared" | "exclusive",
): ContainerLock | undefined {
  try {
    return lockIfFree(directory, mode);
  } catch {
    return undefined;
  }
}

/**
 * As {@link tryLock}, for who would try again and again.
 * @throws SyscallError when the lock cannot be opened: in a store that cannot be written nobody will ever get it
 */
export function lockIfFree(
  directory: string,
  mode: "shared" | "exclusive",
): ContainerLock | undefined {
  let fd: number;
  try {
    // Whoever was killed right after making the directory left no lock file, but something to remove.
    const flags = mode === "shared" ? O.RDONLY : O.WRONLY | O.CREAT;
    fd = openFile(`${directory}/lock`, flags, 0o600);
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return undefined;
    throw thrown;
  }
  if (raw("flock", fd, (mode === "shared" ? LOCK.SH : LOCK.EX) + LOCK.NB) === 0) return held(fd);
  closeFile(fd);
  return undefined;
}

/** Runs `action` while nobody else does so for the same directory; waits for its turn. */
export function withDirectoryLock<T>(directory: string, action: () => T): T {
  const fd = openFile(directory, O.RDONLY);
  try {
    sys(`lock "${directory}"`, "flock", fd, LOCK.EX);
    return action();
  } finally {
    closeFile(fd);
  }
}

/** When a process was started, in clock ticks since boot (field 22 of /proc/PID/stat). */
export function processStart(pid: number): number | undefined {
  try {
    const stat = readText(`/proc/${pid}/stat`);
    // The second field is the program's name in brackets and may contain anything, brackets too.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : Number(fields[18]);
  } catch {
    return undefined;
  }
}

let boot: string | undefined;

/** What the kernel calls this boot; empty when it does not say. */
export function currentBoot(): string {
  return boot ??= readTextIfAny("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
}

/** Waits as {@link waitUnlocked} does, but not for ever; false when it is still held after so many milliseconds. */
export function waitUnlockedWithin(directory: string, milliseconds: number): boolean {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = performance.now() + milliseconds;; Atomics.wait(clock, 0, 0, 1)) {
    const lock = tryLock(directory, "shared");
    lock?.release();
    if (lock !== undefined || !exists(directory)) return true;
    if (performance.now() > deadline) return false;
  }
}

/** Waits, blocking, until nobody holds the lock of a container, or the container is gone. */
export function waitUnlocked(directory: string): void {
  let fd: number;
  try {
    fd = openFile(`${directory}/lock`, O.RDONLY);
  } catch {
    return;
  }
  sys(`wait for "${directory}"`, "flock", fd, LOCK.SH);
  closeFile(fd);
}
