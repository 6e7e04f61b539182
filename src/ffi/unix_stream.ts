/** A connection to a socket in the file system that is used by blocking calls, without the event loop. */
import { AF_UNIX, MSG_NOSIGNAL, UNIX_ADDRESS_SIZE, unixAddress } from "./datagram.ts";
import { ERRNO } from "./errno.ts";
import { address, raw, sys } from "./libc.ts";
import { closeFile } from "./quick_files.ts";

const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Bytes read at a time: above the size where a typed array's memory may still move (bun-facts K1). */
const PIECE = 4096;

/** A connected socket, close-on-exec; the caller's to close. Undefined when nobody listens. @throws SyscallError */
export function connectStream(path: string): number | undefined {
  const to = unixAddress(path);
  const fd = sys("make a socket", "socket", AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  if (raw("connect", fd, address(to), UNIX_ADDRESS_SIZE) === 0) return fd;
  closeFile(fd);
  return undefined;
}

/** Pid of who listens at the other end; undefined when that is nobody of ours, or in no pid namespace that we see. */
export function listenerOf(fd: number): number | undefined {
  // struct ucred { pid, uid, gid }, and the size.
  const words = new Uint32Array(1024);
  words[3] = 12;
  const at = address(words);
  if (raw("getsockopt", fd, SOL_SOCKET, SO_PEERCRED, at, at + 12) < 0) return undefined;
  return words[1] === process.getuid?.() && words[0] !== 0 ? words[0] : undefined;
}

/** Sends all of it; false when the other side is gone. */
export function sendAll(fd: number, bytes: Uint8Array): boolean {
  const at = address(bytes);
  for (let done = 0; done < bytes.length;) {
    const sent = raw("sendto", fd, at + done, bytes.length - done, MSG_NOSIGNAL, 0);
    if (sent < 0 && sent !== -ERRNO.EINTR) return false;
    done += Math.max(0, sent);
  }
  return true;
}

/**
 * What comes next, at least a byte; blocks until then. Undefined: the other side is gone; "unread": and was before it
 * had read all that it was sent.
 */
export function receiveSome(fd: number): Uint8Array | "unread" | undefined {
  const buffer = new Uint8Array(PIECE);
  for (;;) {
    const length = raw("read", fd, address(buffer), PIECE);
    if (length > 0) return buffer.subarray(0, length);
    if (length !== -ERRNO.EINTR) return length === -ERRNO.ECONNRESET ? "unread" : undefined;
  }
}
