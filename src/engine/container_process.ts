/** The first process of a running container, held by a descriptor so that its number cannot mean another one. */
import { ERRNO } from "../ffi/errno.ts";
import { raw, SyscallError } from "../ffi/libc.ts";
import { closeFile } from "../ffi/quick_files.ts";
import { waitReadable } from "../ffi/readiness.ts";
import { processStart } from "../storage/container_lock.ts";

/** A process that runs, or ran when it was looked up. */
export interface ContainerProcess {
  /** False when it has ended. @throws SyscallError when it must not be signalled */
  signal(number: number): boolean;
  /** Waits, blocking, until it has ended; false when that takes longer. Milliseconds. */
  waitEnd(milliseconds: number): boolean;
  close(): void;
}

/** The process of a state; undefined when it has ended. */
export function openProcess(
  { pid, pidStart }: { pid: number; pidStart: number },
): ContainerProcess | undefined {
  const handle = raw("pidfd_open", pid, 0);
  if (handle < 0) return undefined;
  // The descriptor first: from now on the number is not given to another process unnoticed.
  if (processStart(pid) !== pidStart) {
    closeFile(handle);
    return undefined;
  }
  return {
    signal(number) {
      const result = raw("pidfd_send_signal", handle, number, 0, 0);
      if (result === 0) return true;
      if (result === -ERRNO.ESRCH) return false;
      throw new SyscallError(`send signal ${number}`, "pidfd_send_signal", -result);
    },
    waitEnd(milliseconds) {
      const deadline = performance.now() + milliseconds;
      for (;;) {
        const left = Math.max(0, deadline - performance.now());
        if (waitReadable(handle, Math.ceil(Math.min(left, LONGEST)))) return true;
        if (performance.now() >= deadline) return false;
      }
    },
    close: () => closeFile(handle),
  };
}

/** Milliseconds of one wait. */
const LONGEST = 60_000;
