/** Runs syscall programs in this process and in the children they make. */
import type { Pointer } from "bun:ffi";
import { SIG_SETMASK, SIGCHLD } from "./constants.ts";
import { address, raw, sys, view } from "./libc.ts";
import { executorCode } from "./machine/executor_code.ts";
import { linkSymbols, TYPE } from "./native.ts";
import { ARCH } from "./numbers.ts";
import type { Program } from "./program.ts";

const PAGE = 4096;
const SIG_IGN = 1;
const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_PRIVATE_ANONYMOUS = 0x22;

let execute: ((header: number) => number) | undefined;

/** Maps the machine code: written first, executable after, never both at once. */
function load(): (header: number) => number {
  heedChildren();
  const code = executorCode(ARCH);
  const at = sys("map memory", "mmap", 0, PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  view(at, PAGE).set(code);
  sys("make memory executable", "mprotect", at, PAGE, PROT_READ_EXEC);
  const { call } = linkSymbols({
    call: {
      ptr: at as Pointer,
      args: [TYPE.ptr], // struct header *h
      returns: TYPE.i64Fast,
    },
  }).symbols;
  return (header) => Number(call(header as Pointer));
}

/** A caller may have left SIGCHLD ignored: then nobody can wait for a child, and how it ended is lost. */
function heedChildren(): void {
  // struct sigaction, four words, of which the first is the handler.
  const action = new Uint32Array(8);
  raw("rt_sigaction", SIGCHLD, 0, address(action), 8);
  if (action[0] !== SIG_IGN || action[1] !== 0) return;
  raw("rt_sigaction", SIGCHLD, address(action.fill(0)), 0, 8);
}

/**
 * Runs a sealed program. Returns what the executor left with: the pid of a forked child, the result of
 * a `stop` op, or `-errno` of a fork that failed.
 *
 * Signals stay blocked around it: a handler that ran in a child sharing our memory would be JavaScript
 * running twice. The program itself unblocks them as one of its last ops.
 */
export function runProgram(program: Program): number {
  execute ??= load();
  const header = program.seal();
  const all = new Uint32Array(2).fill(0xffff_ffff);
  const before = new Uint32Array(2);
  raw("rt_sigprocmask", SIG_SETMASK, address(all), address(before), 8);
  try {
    return execute(header);
  } finally {
    raw("rt_sigprocmask", SIG_SETMASK, address(before), 0, 8);
  }
}
