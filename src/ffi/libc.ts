/**
 * The one door to the kernel: libc's syscall(2) by FFI.
 *
 * Every call is made with raw numbers and addresses; what they mean is said where they are made.
 */
import type { Pointer } from "bun:ffi";
import { errnoName } from "./errno.ts";
import { dlopen, ptr, read, toArrayBuffer, TYPE } from "./native.ts";
import { NR, type SyscallName } from "./numbers.ts";
import { TsboxError } from "../errors.ts";

export { NR };
export type { SyscallName };

const LIBC_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

const DECLARATIONS = {
  syscall: {
    args: [
      TYPE.i64, // long number
      TYPE.i64, // six arguments; the kernel reads as many as the call has
      TYPE.i64,
      TYPE.i64,
      TYPE.i64,
      TYPE.i64,
      TYPE.i64,
    ],
    returns: TYPE.i64Fast,
  },
  __errno_location: { args: [], returns: TYPE.ptr },
} as const;

function openLibc() {
  let cause: unknown;
  for (const name of LIBC_NAMES) {
    try {
      return dlopen(name, DECLARATIONS).symbols;
    } catch (error) {
      cause = error;
    }
  }
  throw new TsboxError("host", "Cannot load the C library", { cause });
}

const libc = openLibc();
// Constant per thread, so it is asked for once; errno must be read before any other call (bun-facts K2).
const errnoAddress = libc.__errno_location() as Pointer;

/** With these ENOSPC means that a limit of the kernel is reached, not that a disk is full. */
const NOT_OF_DISKS: readonly SyscallName[] = ["clone3", "unshare", "mount"];

/** A system call that the kernel refused. */
export class SyscallError extends TsboxError {
  readonly syscall: SyscallName;
  readonly errno: number;

  constructor(what: string, syscall: SyscallName, errno: number, stage?: string) {
    const full = errno === 28 || errno === 122; // ENOSPC, EDQUOT
    const limited = errno === 24 || (errno === 9 && syscall === "dup3"); // EMFILE, EBADF: no such place
    super(full ? "no-space" : "kernel", `Cannot ${what}: ${errnoName(errno)}`, {
      ...(stage && { stage }),
      ...(full && !NOT_OF_DISKS.includes(syscall) && { hint: "free some space" }),
      ...(limited && { hint: "allow more open files, by 'ulimit -n 1024'" }),
    });
    this.syscall = syscall;
    this.errno = errno;
  }
}

/** Makes a system call by name; returns its result, or `-errno`. Arguments are numbers or addresses. */
export function raw(name: SyscallName, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
  const result = Number(libc.syscall(NR[name], a, b, c, d, e, f));
  return result === -1 ? -read.i32(errnoAddress, 0) : result;
}

/**
 * Makes a system call that must succeed.
 * @param what what is tried, on what, for the message: `open "/x"`
 * @throws SyscallError
 */
export function sys(
  what: string,
  name: SyscallName,
  a = 0,
  b = 0,
  c = 0,
  d = 0,
  e = 0,
  f = 0,
): number {
  const result = raw(name, a, b, c, d, e, f);
  if (result < 0) throw new SyscallError(what, name, -result);
  return result;
}

const encoder = new TextEncoder();
const kept: unknown[] = [];

/** @throws TsboxError when the text cannot be a C string */
export function refuseNul(text: string): void {
  if (!text.includes("\0")) return;
  throw new TsboxError(
    "invalid-argument",
    `Cannot pass ${JSON.stringify(text)} to the kernel: it contains a NUL byte`,
  );
}

/** NUL-terminated bytes of `text`. @throws TsboxError when it contains a NUL byte itself */
export function nulTerminated(text: string): Uint8Array {
  refuseNul(text);
  return encoder.encode(`${text}\0`);
}

/** Address of a buffer for the duration of one call; the caller holds the reference. */
export function address(buffer: NodeJS.TypedArray | DataView): number {
  return ptr(buffer);
}

/** Address of `buffer`, which is kept for the life of the process. */
export function pin(buffer: NodeJS.TypedArray): number {
  kept.push(buffer);
  return ptr(buffer);
}

/** Address of a NUL-terminated copy of `text`, kept for the life of the process: for constants, not for loops. */
export function cstring(text: string): number {
  return pin(nulTerminated(text));
}

/** The bytes at an address that was mapped by the caller. */
export function view(at: number, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(toArrayBuffer(at as Pointer, 0, length));
}
