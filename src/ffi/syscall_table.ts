/**
 * Every system call by name and number, for seccomp filters. Big, so only what compiles a filter
 * imports it; calls that tsbox makes itself are in numbers.ts.
 */
import { SYSCALLS_ARM } from "./syscall_table_arm.ts";
import { SYSCALLS_ARM64 } from "./syscall_table_arm64.ts";
import { SYSCALLS_X32 } from "./syscall_table_x32.ts";
import { SYSCALLS_X64 } from "./syscall_table_x64.ts";
import { SYSCALLS_X86 } from "./syscall_table_x86.ts";

/** A way to call the kernel: one processor may know several. */
export type CallingArch = "x64" | "x86" | "x32" | "arm64" | "arm";

const SOURCES: Readonly<Record<CallingArch, string>> = {
  x64: SYSCALLS_X64,
  x86: SYSCALLS_X86,
  x32: SYSCALLS_X32,
  arm64: SYSCALLS_ARM64,
  arm: SYSCALLS_ARM,
};

/** Numbers by name; those of x32 without the bit that marks them. */
export function syscallTable(arch: CallingArch): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  let next = 0;
  for (const word of SOURCES[arch].split(" ")) {
    if (/^\d/.test(word)) next = Number(word);
    else table.set(word, next++);
  }
  return table;
}
