/**
 * Signals that wait until we ask for them, and waiting for a process without the event loop: its start, and
 * a handler a signal, take longer than all system calls of a short wait.
 */
import { SIG_BLOCK } from "./constants.ts";
import { ERRNO } from "./errno.ts";
import { address, raw, sys } from "./libc.ts";
import { linksOf } from "./quick_files.ts";
import { timespec } from "./readiness.ts";

const SFD_CLOEXEC_NONBLOCK = 0o2004000;
/** struct signalfd_siginfo, whose first word is the number. */
const SIGINFO_SIZE = 128;
const POLLIN = 1;
/** A directory has a link from its parent, one from itself, and one from each in it. */
const LINKS_OF_ONE_TASK = 3;

/** Signals of ours that do nothing by themselves any more. */
export interface HeldSignals {
  /**
   * Blocks until one of them comes, the process ends or the time is over.
   * @param process its pidfd @param milliseconds Infinity: however long it takes
   */
  next(process: number, milliseconds: number): number | "ended" | "late";
}

/**
 * Holds signals back, for the rest of our life; those that come meanwhile are kept.
 * @returns undefined, with nothing held, when we have more than one thread: another one would be given them
 * @throws SyscallError
 */
export function holdSignals(numbers: readonly number[]): HeldSignals | undefined {
  if (linksOf("/proc/self/task") !== LINKS_OF_ONE_TASK) return undefined;
  let bits = 0n;
  for (const number of numbers) bits |= 1n << BigInt(number - 1);
  const mask = new BigUint64Array([bits]);
  sys("hold signals", "rt_sigprocmask", SIG_BLOCK, address(mask), 0, 8);
  const fd = sys("hold signals", "signalfd4", -1, address(mask), 8, SFD_CLOEXEC_NONBLOCK);
  const signal = new Uint32Array(SIGINFO_SIZE / 4);
  return {
    next(process, milliseconds) {
      const deadline = performance.now() + milliseconds;
      for (;;) {
        if (raw("read", fd, address(signal), SIGINFO_SIZE) > 0) return signal[0] ?? 0;
        const left = Math.max(0, deadline - performance.now());
        const ready = pollBoth(fd, process, left);
        if (ready === 0) return "late";
        if (ready === process) return "ended";
      }
    },
  };
}

/** The one that can be read, the first when it is both; 0 when the time is over. */
function pollBoth(first: number, second: number, milliseconds: number): number {
  // struct pollfd { int fd; short events; short revents; }
  const poll = new Int32Array([first, POLLIN, second, POLLIN]);
  const time = milliseconds === Infinity ? undefined : timespec(milliseconds);
  const result = raw("ppoll", address(poll), 2, time ? address(time) : 0, 0, 0);
  if (result === 0) return 0;
  // Interrupted by a signal that is not held, it is the caller's to look again for as long as is left.
  return result === -ERRNO.EINTR || (poll[1] ?? 0) >>> 16 !== 0 ? first : second;
}
