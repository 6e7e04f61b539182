/** Reading and writing pipes without waiting for the other side. */
import { ERRNO } from "./errno.ts";
import { O } from "./constants.ts";
import { address, raw, sys, SyscallError } from "./libc.ts";

const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;

/** Makes reads and writes of a pipe's end return instead of wait; the other end is not changed. */
export function setNonBlocking(fd: number): void {
  sys("make a pipe not wait", "fcntl", fd, F_SETFL, O.NONBLOCK);
}

/** Asks for a pipe that holds so many bytes; it stays as it is where the kernel's limits forbid that. */
export function setPipeSize(fd: number, bytes: number): void {
  raw("fcntl", fd, F_SETPIPE_SZ, bytes);
}

/** What a pipe holds now: a number of bytes, 0 at its end, undefined when nothing has come yet. @throws SyscallError */
export function readNow(fd: number, buffer: Uint8Array): number | undefined {
  for (;;) {
    const result = raw("read", fd, address(buffer), buffer.length);
    if (result >= 0) return result;
    if (result === -ERRNO.EAGAIN) return undefined;
    if (result !== -ERRNO.EINTR) throw new SyscallError("read a pipe", "read", -result);
  }
}

/**
 * Writes a message of at most 4096 bytes, whole or not at all (pipe(7), PIPE_BUF).
 * @returns `full` when there is no room now, `closed` when nobody reads any more
 * @throws SyscallError
 */
export function writeNow(fd: number, message: Uint8Array): "written" | "full" | "closed" {
  for (;;) {
    const result = raw("write", fd, address(message), message.length);
    if (result >= 0) return "written";
    if (result === -ERRNO.EAGAIN) return "full";
    if (result === -ERRNO.EPIPE) return "closed";
    if (result !== -ERRNO.EINTR) throw new SyscallError("write a pipe", "write", -result);
  }
}
