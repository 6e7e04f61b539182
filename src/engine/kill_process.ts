import { closeSync } from "node:fs";
import { SIGKILL } from "../ffi/constants.ts";
import { raw } from "../ffi/libc.ts";
import { processStart } from "../storage/container_lock.ts";

/**
 * Kills a container's first process, and by that all of its processes. A pid that means another
 * process by now is left alone: the descriptor is opened first, then the start time compared.
 */
export function killProcess({ pid, pidStart }: { pid: number; pidStart: number }): void {
  const handle = raw("pidfd_open", pid, 0);
  if (handle < 0) return;
  try {
    if (processStart(pid) === pidStart) raw("pidfd_send_signal", handle, SIGKILL, 0, 0);
  } finally {
    closeSync(handle);
  }
}
