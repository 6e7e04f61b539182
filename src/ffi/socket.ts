/** Socket pairs between us and the children we make; messages keep their bounds, descriptors can travel. */
import { ERRNO } from "./errno.ts";
import { type Arena, upperHalf } from "./arena.ts";
import { address, raw, sys } from "./libc.ts";
import type { Register } from "./program.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_DONTWAIT = 0x40;
const CMSG_LEN = 20;
const CMSG_SPACE = 24;
/** Where things are in the memory of a receive, in 32-bit halves. */
const HEADER = { VECTOR: 4, VECTORS: 6, CONTROL: 8, CONTROL_SIZE: 10 } as const;
const VECTOR = 16;
const CONTROL = 24;

/** Two connected sockets of type SOCK_SEQPACKET, both close-on-exec. @throws SyscallError */
export function socketPair(): { ours: number; theirs: number } {
  const ends = new Uint32Array(2);
  sys("make a socket pair", "socketpair", AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, address(ends));
  return { ours: ends[0] ?? -1, theirs: ends[1] ?? -1 };
}

const SMALL = 4096;
// Both of a size that does not move (bun-facts K1). For messages that are not larger:
const small = new Uint8Array(SMALL);
// struct msghdr, then the struct iovec and the control data that it points to.
const halves = new Uint32Array(1024);

/** A message, and the descriptor that came with it. Empty: the other side is gone. */
export interface Message {
  bytes: Uint8Array;
  descriptor?: number;
}

/**
 * Waits for the next message, blocking; at most `size` bytes of it.
 * @param looks how often it is looked for before we go to sleep, where it is sure to come soon: what makes it may be
 *   moved to our processor while that has nothing to do, and we would stand behind it
 * @throws SyscallError
 */
export function receive(fd: number, size: number, looks = 0): Message {
  const buffer = size <= SMALL ? small : new Uint8Array(size);
  const at = address(halves);
  halves.fill(0);
  setWord(halves, VECTOR, address(buffer));
  setWord(halves, VECTOR + 2, size);
  setWord(halves, HEADER.VECTOR, at + VECTOR * 4);
  setWord(halves, HEADER.VECTORS, 1);
  setWord(halves, HEADER.CONTROL, at + CONTROL * 4);
  setWord(halves, HEADER.CONTROL_SIZE, CMSG_SPACE);
  let length: number = -ERRNO.EAGAIN;
  for (let i = 0; i < looks && length === -ERRNO.EAGAIN; i++) {
    if (i > 0) raw("sched_yield");
    length = raw("recvmsg", fd, at, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  }
  if (length === -ERRNO.EAGAIN) {
    length = uninterrupted(() => raw("recvmsg", fd, at, MSG_CMSG_CLOEXEC));
  }
  // A reset connection is an end like any other: the process on the other side died.
  if (length < 0) return { bytes: new Uint8Array(0) };
  const hasDescriptor = (halves[HEADER.CONTROL_SIZE] ?? 0) >= CMSG_LEN;
  const descriptor = hasDescriptor ? halves[CONTROL + 4] : undefined;
  const bytes = buffer === small ? small.slice(0, length) : buffer.subarray(0, length);
  return descriptor === undefined ? { bytes } : { bytes, descriptor };
}

function setWord(halves: Uint32Array, at: number, value: number): void {
  halves[at] = value;
  halves[at + 1] = upperHalf(value);
}

function uninterrupted(call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -ERRNO.EINTR) return result;
  }
}

/** A message of one byte with a descriptor, for sendmsg(2) in a program: its address, and where the descriptor goes. */
export function descriptorMessage(arena: Arena): { header: number; descriptor: Register } {
  const vector = arena.words([arena.reserve(8), 1]);
  // struct cmsghdr: length, then level and type in one word, then the descriptor.
  const control = arena.words([CMSG_LEN, SOL_SOCKET + SCM_RIGHTS * 0x100000000, 0]);
  const header = arena.words([0, 0, vector, 1, control, CMSG_SPACE, 0]);
  return { header, descriptor: { register: control + 16 } };
}
