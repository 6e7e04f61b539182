/** Sending datagrams to a socket in the file system. */
import { ERRNO } from "./errno.ts";
import { address, raw, refuseNul, sys, SyscallError } from "./libc.ts";

export const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
/** struct sockaddr_un { unsigned short family; char path[108]; } */
const PATH_MAX = 108;
export const UNIX_ADDRESS_SIZE = PATH_MAX + 2;

/** An unbound socket for {@link sendDatagram}, close-on-exec. @throws SyscallError */
export function datagramSocket(): number {
  return sys("make a socket", "socket", AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
}

/** The address of a socket, for {@link sendDatagram}. @throws SyscallError when the path is too long */
export function unixAddress(path: string): Uint8Array {
  refuseNul(path);
  const bytes = new TextEncoder().encode(path);
  if (bytes.length >= PATH_MAX) {
    throw new SyscallError(`use the socket "${path}"`, "connect", ERRNO.ENAMETOOLONG);
  }
  // Of a size that does not move (bun-facts K1).
  const name = new Uint8Array(4096);
  name[0] = AF_UNIX;
  name.set(bytes, 2);
  return name;
}

/** Sends without waiting. Returns 0 or the errno: EAGAIN when the receiver has no room now. */
export function sendDatagram(fd: number, bytes: Uint8Array, to: Uint8Array): number {
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  for (;;) {
    const sent = raw(
      "sendto",
      fd,
      address(bytes),
      bytes.length,
      flags,
      address(to),
      UNIX_ADDRESS_SIZE,
    );
    if (sent !== -ERRNO.EINTR) return Math.max(0, -sent);
  }
}
