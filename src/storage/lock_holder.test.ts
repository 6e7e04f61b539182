import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { makeLock } from "./container_lock.ts";
import { holderIn, lockHolder } from "./lock_holder.ts";

let directory: string;
beforeEach(() => directory = mkdtempSync(`${tmpdir()}/holder-`));
afterEach(() => rmSync(directory, { recursive: true }));

test("the holder of a lock is a process, and nobody when it was given back", () => {
  expect(lockHolder(directory)).toBeUndefined();
  const lock = makeLock(directory);
  expect(lockHolder(directory)).toBe(process.pid);
  lock?.release();
  expect(lockHolder(directory)).toBeUndefined();
});

test("other locks, those who wait and those who share are not the holder", () => {
  const locks = `1: POSIX  ADVISORY  WRITE 1 fe:00:77 0 EOF
2: FLOCK  ADVISORY  READ 2 fe:00:77 0 EOF
3: FLOCK  ADVISORY  WRITE 3 fe:01:77 0 EOF
4: FLOCK  ADVISORY  WRITE 0 fe:00:77 0 EOF
5: FLOCK  ADVISORY  WRITE 4 fe:00:77 0 EOF
5: -> FLOCK  ADVISORY  WRITE 5 fe:00:77 0 EOF
`;
  expect(holderIn(locks, { device: "254:0", inode: 77 })).toBe(4);
  expect(holderIn(locks, { device: "254:0", inode: 7 })).toBeUndefined();
});
