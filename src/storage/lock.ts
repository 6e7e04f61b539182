/** Locks between processes: flock(2) on files of the store. The kernel releases them when a holder dies. */
import { O } from "../ffi/constants.ts";
import { flock } from "../ffi/flock.ts";
import { ERRNO } from "../ffi/errno.ts";
import {
  closeFile,
  fileStatus,
  isErrno,
  openFile,
  openFileStatus,
  openIfThere,
} from "../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../errors.ts";

/** A lock that is held until it is released, or until the process ends. */
export interface Lock {
  /** The locked file, close-on-exec. */
  fd: number;
  release(): void;
}

/**
 * Locks `path`, which is made when missing; undefined when `wait` is false and someone else holds it.
 *
 * Two calls in one process exclude each other too. With `wait` the whole process waits: code that
 * has other things to do uses {@link lockFileSoon}.
 * @throws TsboxError "host" when the file cannot be opened
 */
export function lockFile(
  path: string,
  mode: "shared" | "exclusive",
  options: { wait: boolean },
): Lock | undefined {
  for (;;) {
    const fd = openLockFile(path);
    if (!flock(fd, mode, options.wait)) {
      closeFile(fd);
      return undefined;
    }
    // The file may have been removed between open and flock: then this lock excludes nobody.
    if (isStillAt(fd, path)) return { fd, release: once(() => closeFile(fd)) };
    closeFile(fd);
  }
}

/** Milliseconds between two tries of {@link lockFileSoon}. */
const RETRY_MS = 40;

/**
 * Locks `path` without blocking the process.
 * @param onWait called once, when someone else holds the lock
 * @throws TsboxError "cancelled" when `signal` is aborted meanwhile
 */
export async function lockFileSoon(
  path: string,
  mode: "shared" | "exclusive",
  options: { signal: AbortSignal; onWait?: () => void },
): Promise<Lock> {
  for (let tries = 0;; tries++) {
    if (options.signal.aborted) {
      throw new TsboxError("cancelled", `Cannot lock "${path}": cancelled`);
    }
    const lock = lockFile(path, mode, { wait: false });
    if (lock !== undefined) return lock;
    if (tries === 0) options.onWait?.();
    await Bun.sleep(RETRY_MS);
  }
}

/** Runs `action` under an exclusive lock, waiting for it. */
export function withLock<T>(path: string, action: () => T): T {
  const lock = lockFile(path, "exclusive", { wait: true });
  try {
    return action();
  } finally {
    lock?.release();
  }
}

function openLockFile(path: string): number {
  try {
    return openFile(path, O.WRONLY | O.CREAT | O.APPEND, 0o600);
  } catch (error) {
    // A store that cannot be written can be looked at, and what is to be written says itself that it cannot.
    const fd = isErrno(error, ERRNO.EROFS) ? openIfThere(path, O.RDONLY) : undefined;
    if (fd !== undefined) return fd;
    throw new TsboxError("host", `Cannot open the lock "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function isStillAt(fd: number, path: string): boolean {
  const [now, ours] = [fileStatus(path), openFileStatus(fd)];
  return ours !== undefined && ours.inode === now?.inode && ours.device === now.device;
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
