/**
 * What our executable does before Bun starts, x86-64: routines of position-independent machine code, each
 * `void routine(long *start, int (*setenv)(...), int (*fork)(void))`. Each has its
 * source beside it; tests assemble that and compare.
 */
import { earlyExecCode } from "./early_exec.ts";
import { earlyMonitorCode } from "./early_monitor.ts";
import { earlyVersionCode } from "./early_version.ts";

/** The routines in the order in which they are called. */
export function earlyCode(): Uint8Array[] {
  return [earlyExecCode(), earlyMonitorCode(), earlyVersionCode()];
}
