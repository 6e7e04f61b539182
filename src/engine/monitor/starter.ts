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
  raw("write", starter, address(Uint8Array.of(status)), 1);
  closeFile(starter);
}
