/**
 * What `bun:ffi` is made of, without the module around it: that is JavaScript which every start would load
 * and run, a third of a millisecond for wrappers we do not call.
 */
import type * as BunFfi from "bun:ffi";
import type { FFIType } from "bun:ffi";

/** The part we use, which is the same in the module. */
type Native = Pick<typeof BunFfi, "dlopen" | "linkSymbols" | "ptr" | "read" | "toArrayBuffer">;

function isNative(thing: unknown): thing is Native {
  return typeof thing === "object" && thing !== null && "dlopen" in thing && "linkSymbols" in thing;
}

function native(): Native {
  if ("FFI" in Bun && isNative(Bun.FFI)) return Bun.FFI;
  // A Bun that keeps it elsewhere: the module is what is documented.
  const module = process.getBuiltinModule("bun:ffi");
  if (!isNative(module)) throw new Error("this Bun has no foreign functions");
  return module;
}

/** Those of bun:ffi's FFIType that we use. */
export const TYPE = {
  i64: 7 as FFIType.i64,
  ptr: 12 as FFIType.ptr,
  /** A number where that is exact. */
  i64Fast: 15 as FFIType.i64_fast,
} as const;

export const { dlopen, linkSymbols, ptr, read, toArrayBuffer } = native();
