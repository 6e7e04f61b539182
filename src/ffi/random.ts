import { address, sys } from "./libc.ts";

/** `length` random bytes, at most 256, from the kernel. First use of the crypto object costs a start more. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  sys("get random bytes", "getrandom", address(bytes), length, 0);
  return bytes;
}
