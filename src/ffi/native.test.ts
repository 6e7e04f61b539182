import { FFIType } from "bun:ffi";
import { expect, test } from "bun:test";
import { TYPE } from "./native.ts";

test("the numbers of types are those of bun:ffi", () => {
  expect([TYPE.i64, TYPE.ptr, TYPE.i64Fast]).toEqual([
    FFIType.i64,
    FFIType.ptr,
    FFIType.i64_fast,
  ]);
});

test("Bun has its foreign functions where they are looked for", () => {
  expect(Object.keys("FFI" in Bun && Bun.FFI || {})).toEqual(
    expect.arrayContaining(["dlopen", "linkSymbols", "ptr", "read", "toArrayBuffer"]),
  );
});
