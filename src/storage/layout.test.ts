import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "./layout.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-layout-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a store is made for its owner alone, and opened when it is there", () => {
  const root = join(folder, "a/store");
  const paths = openStore(root);
  expect(openStore(root)).toEqual(paths);
  for (const path of [root, paths.blobs, paths.containers, paths.tmp]) {
    expect(statSync(path).mode & 0o777).toBe(0o700);
  }
});

test("a store that others could write into, or have made, is refused", () => {
  const root = join(folder, "store");
  mkdirSync(root);
  chmodSync(root, 0o1777);
  expect(() => openStore(root)).toThrow("it is not yours alone");
  expect(existsSync(join(root, "tmp"))).toBe(false);
  chmodSync(root, 0o755);
  expect(() => openStore(root)).not.toThrow();
  // Tests run as an ordinary user.
  expect(() => openStore("/usr")).toThrow("it is not yours alone");
});
