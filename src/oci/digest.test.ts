import { expect, test } from "bun:test";
import { TsboxError } from "../errors.ts";
import {
  chainIdOf,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
} from "./digest.ts";

const HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof TsboxError) return error.code;
  }
  return "no TsboxError";
}

test("bytes are named by the digest that other tools print", () => {
  const bytes = new TextEncoder().encode("hello");
  expect(digestOf(bytes)).toBe(HELLO);
  expect(digestOf(bytes, "sha512")).toStartWith("sha512:9b71d224bd62f378");
  expect(isDigest(digestOf(bytes, "sha512"))).toBe(true);
});

test("a digest is taken apart into algorithm and file name", () => {
  const digest = parseDigest(HELLO);
  expect(digestAlgorithm(digest)).toBe("sha256");
  expect(digestHex(digest)).toBe(HELLO.slice(7));
});

test("what could be a path or another file's name is no digest", () => {
  const hex = HELLO.slice(7);
  for (const text of ["", ":", hex, `sha256:${hex.toUpperCase()}`, `sha256:../${hex.slice(3)}`]) {
    expect(isDigest(text)).toBe(false);
    expect(codeOf(() => parseDigest(text))).toBe("invalid-argument");
  }
  expect(isDigest(`sha512:${hex}`)).toBe(false);
  expect(isDigest(`${HELLO}\n`)).toBe(false);
});

test("an unknown algorithm is refused by name", () => {
  expect(() => parseDigest(`md5:${"0".repeat(32)}`)).toThrow("unsupported digest algorithm: md5");
});

test("the chain of layers is named by hashing pairs from the bottom", () => {
  const [a, b] = [digestOf(new Uint8Array([1])), digestOf(new Uint8Array([2]))];
  expect(chainIdOf([a])).toBe(a);
  expect(chainIdOf([a, b, a])).toBe(
    digestOf(new TextEncoder().encode(`${digestOf(new TextEncoder().encode(`${a} ${b}`))} ${a}`)),
  );
  expect(codeOf(() => chainIdOf([]))).toBe("corrupt");
});
