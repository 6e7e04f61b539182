/**
 * The process that the user has started, where that is not us: it waits for a byte of ours, which is its exit status
 * (scripts/compile/early_monitor_x64.s).
 */
import { address, raw } from "../../ffi/libc.ts";
import { closeFile } from "../../ffi/quick_files.ts";

/** That process shall do the command itself, and we end. */
const DO_IT = 0xfe;

/** Leaves the command to the process that waits, as if we had never been; nothing of it may be done already. */
export function leaveTo(starter: number): void {
  release(starter, DO_IT);
}

/** Lets the process that waits end. One that is gone does not mind. */
export function release(starter: number, status: number): void {
  const byte = new Uint8Array(1);
  byte[0] = status;
  raw("write", starter, address(byte), 1);
  // Where the kernel wakes it on our processor it would end when we have nothing to do any more, a millisecond later.
  raw("sched_yield");
  closeFile(starter);
}
