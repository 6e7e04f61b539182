/** Whether a descriptor can be read or written without waiting. */
import { O } from "./constants.ts";
import { address, raw, sys } from "./libc.ts";

const POLLIN = 1;
const POLLOUT = 4;
const F_GETFL = 3;
const F_SETFL = 4;
const O_ACCMODE = 3;

// Of a size that does not move (bun-facts K1): struct pollfd { int fd; short events; short revents; }, and behind it a
// struct timespec. The address of a small one would cost memory of its own each time.
const words = new Uint32Array(1024);
const POLL = address(words);
const TIME = 2;

/** ppoll(2) on one descriptor; errors and hang-ups count as ready: the call will tell. */
function isReady(fd: number, events: number, milliseconds = 0): boolean {
  words[0] = fd;
  words[1] = events;
  putDuration(words, TIME, milliseconds);
  return raw("ppoll", POLL, 1, POLL + TIME * 4, 0, 0) > 0;
}

/** A struct timespec { seconds; nanoseconds } of a duration, as halves of words. */
function putDuration(halves: Uint32Array, at: number, milliseconds: number): void {
  halves[at] = milliseconds / 1000;
  halves[at + 2] = (milliseconds % 1000) * 1e6;
}

/** The same by itself. */
export function timespec(milliseconds: number): Uint32Array {
  const time = new Uint32Array(4);
  putDuration(time, 0, milliseconds);
  return time;
}

/** Whether a read would return at once, be it with bytes, the end or an error. */
export function isReadable(fd: number): boolean {
  return isReady(fd, POLLIN);
}

/** Waits, blocking, until a read would return at once; false when that takes longer. A signal ends the wait too. */
export function waitReadable(fd: number, milliseconds: number): boolean {
  return isReady(fd, POLLIN, milliseconds);
}

/** Whether a write of a small piece (PIPE_BUF) would be taken, or refused, at once. */
export function isWritable(fd: number): boolean {
  return isReady(fd, POLLOUT) || isReadOnly(fd);
}

/** Of the reading end of a pipe the kernel never says that a write is refused. */
function isReadOnly(fd: number): boolean {
  return (raw("fcntl", fd, F_GETFL) & O_ACCMODE) === O.RDONLY;
}

/** Waits, blocking, until a write would be taken or refused; false when that takes longer. A signal ends the wait too. */
export function waitWritable(fd: number, milliseconds: number): boolean {
  return isReady(fd, POLLOUT, milliseconds);
}

/** Whether nobody has the other end of a pipe any more: for the writing end, all readers are gone. */
export function isHungUp(fd: number): boolean {
  return isReady(fd, 0);
}

/** Makes calls on an open file description, which others may share, return EAGAIN for waiting. @throws SyscallError */
export function setNonBlocking(fd: number): void {
  const flags = sys("read a descriptor's flags", "fcntl", fd, F_GETFL);
  sys("set a descriptor's flags", "fcntl", fd, F_SETFL, flags | O.NONBLOCK);
}
