/** Reading and writing what is in open files. */
import { ERRNO } from "./errno.ts";
import { address, raw, sys, SyscallError } from "./libc.ts";
import { waitReadable } from "./readiness.ts";

/** What is tried, for the message; made only when it fails by callers that write often. */
type What = string | (() => string);

function writeError(what: What, call: "write" | "pwrite64", errno: number): SyscallError {
  return new SyscallError(typeof what === "string" ? what : what(), call, errno);
}

/** Writes all of `bytes` at the file's position. @throws SyscallError */
export function writeAll(fd: number, bytes: Uint8Array, what: What): void {
  let done = 0;
  const start = bytes.length === 0 ? 0 : address(bytes);
  while (done < bytes.length) {
    const result = raw("write", fd, start + done, bytes.length - done);
    if (result >= 0) done += result;
    else if (result !== -ERRNO.EINTR) throw writeError(what, "write", -result);
  }
}

/** Writes all of `bytes` at `position`. @throws SyscallError */
export function writeAllAt(fd: number, bytes: Uint8Array, position: number, what: What): void {
  let done = 0;
  const start = bytes.length === 0 ? 0 : address(bytes);
  while (done < bytes.length) {
    const result = raw("pwrite64", fd, start + done, bytes.length - done, position + done);
    if (result >= 0) done += result;
    else if (result !== -ERRNO.EINTR) throw writeError(what, "pwrite64", -result);
  }
}

/** ftruncate(2). Returns 0 or `-errno`. @param size bytes */
export function setLength(fd: number, size: number): number {
  return raw("ftruncate", fd, size);
}

/** pread(2) into `buffer`; returns the number of bytes, 0 at the end. @throws SyscallError */
export function readAt(fd: number, buffer: Uint8Array, position: number): number {
  for (;;) {
    const result = raw("pread64", fd, address(buffer), buffer.length, position);
    if (result >= 0) return result;
    if (result !== -ERRNO.EINTR) throw new SyscallError("read a file", "pread64", -result);
  }
}

/** Milliseconds of one wait for bytes; there may be any number of them. */
const WAIT = 1000;

/** read(2) into `buffer`, waiting for the first byte; returns the number of bytes, 0 at the end. @throws SyscallError */
export function readNext(fd: number, buffer: Uint8Array): number {
  for (;;) {
    const result = raw("read", fd, address(buffer), buffer.length);
    if (result >= 0) return result;
    if (result === -ERRNO.EAGAIN) waitReadable(fd, WAIT);
    else if (result !== -ERRNO.EINTR) throw new SyscallError("read a stream", "read", -result);
  }
}

/** Writes everything of the file system that `fd` is on to its disk. @throws SyscallError */
export function syncFileSystem(fd: number): void {
  sys("write the store to disk", "syncfs", fd);
}
