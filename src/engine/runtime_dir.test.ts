import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureRuntimeDir } from "./runtime_dir.ts";

const uid = process.getuid?.() ?? -1;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-runtime-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("it is made for us alone, and taken when it is", () => {
  const path = join(folder, "a/b");
  ensureRuntimeDir(path, uid);
  ensureRuntimeDir(path, uid);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test("one that is a link, somebody else's or open to others is refused", () => {
  const [link, shared] = [join(folder, "link"), join(folder, "shared")];
  mkdirSync(shared);
  symlinkSync(shared, link);
  expect(() => ensureRuntimeDir(link, uid)).toThrow("not a folder of yours alone");
  for (const mode of [0o770, 0o702, 0o1777]) {
    chmodSync(shared, mode);
    expect(() => ensureRuntimeDir(shared, uid)).toThrow("not a folder of yours alone");
  }
  chmodSync(shared, 0o755);
  expect(() => ensureRuntimeDir(shared, uid + 1)).toThrow("not a folder of yours alone");
  expect(() => ensureRuntimeDir(shared, uid)).not.toThrow();
});
