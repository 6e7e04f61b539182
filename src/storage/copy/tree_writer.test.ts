import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_FDCWD, O } from "../../ffi/constants.ts";
import { openAt, openWithoutLinks } from "../../ffi/files.ts";
import { raw } from "../../ffi/libc.ts";
import { TsboxError } from "../../errors.ts";
import type { TarEntry } from "../tar/entry.ts";
import { TreeWriter } from "./tree_writer.ts";

let folder = "";
let top = -1;
const at = (...path: string[]) => join(folder, "top", ...path);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-copy-"));
  mkdirSync(at());
  mkdirSync(join(folder, "outside"));
  top = openAt(AT_FDCWD, at(), O.PATH | O.DIRECTORY);
});
afterEach(() => {
  raw("close", top);
  rmSync(folder, { recursive: true });
});

/** A writer as the host's side has it. */
function writer(rename?: { from: string; to: string }): TreeWriter {
  return new TreeWriter({
    open: (path) => openWithoutLinks(top, path, O.PATH | O.DIRECTORY),
    owners: "caller",
    ...(rename && { rename }),
    readOnly: () => new TsboxError("host", "read-only"),
  });
}

function entry(name: string, more: Partial<TarEntry> = {}): TarEntry {
  const mtime = { seconds: 1_000_000_000, nanoseconds: 0 };
  const common = { link: "", mode: 0o644, uid: 0, gid: 0, mtime, size: 0, stored: 0, xattrs: [] };
  return { kind: "file", name, ...common, ...more };
}

function write(to: TreeWriter, name: string, text: string, more: Partial<TarEntry> = {}): void {
  to.entry(entry(name, { size: text.length, stored: text.length, ...more }));
  to.data(Buffer.from(text), 0);
  to.endFile();
}

test("a file has its name only when it is complete, and nothing is left of one that is not", () => {
  writeFileSync(at("a"), "old");
  const cut = writer();
  cut.entry(entry("a", { size: 3, stored: 3 }));
  cut.data(Buffer.from("ne"), 0);
  expect(readFileSync(at("a"), "utf8")).toBe("old");
  expect(readdirSync(at())).toHaveLength(2);
  cut.close();
  expect(readdirSync(at())).toEqual(["a"]);
  const whole = writer();
  write(whole, "a", "new", { mode: 0o6751 });
  whole.close();
  expect(readFileSync(at("a"), "utf8")).toBe("new");
  // Setuid would lend the caller's rights to a container's program.
  expect([statSync(at("a")).mode & 0o7777, statSync(at("a")).mtimeMs]).toEqual([0o751, 1e12]);
});

test("links of the archive and of others are never gone through", () => {
  symlinkSync("../outside", at("theirs"));
  const to = writer();
  to.entry(entry("ours", { kind: "symlink", link: "../outside" }));
  expect(readlinkSync(at("ours"))).toBe("../outside");
  for (const name of ["ours/x", "theirs/x"]) {
    expect(() => to.entry(entry(name))).toThrow("Cannot open the directory");
  }
  for (const name of ["../outside/x", "a/../../outside/x"]) {
    expect(() => to.entry(entry(name))).toThrow("leaves");
  }
  expect(() => to.entry(entry("theirs", { kind: "directory" })))
    .toThrow('cannot overwrite non-directory "theirs" with directory');
  expect(() => to.entry(entry("hard", { kind: "hardlink", link: "theirs/secret" }))).toThrow();
  write(to, "ours", "a file now");
  to.close();
  expect(lstatSync(at("ours")).isFile()).toBe(true);
  expect(readdirSync(join(folder, "outside"))).toEqual([]);
});

test("an absolute name counts from the top, and missing directories are made", () => {
  const to = writer({ from: "a", to: "b" });
  write(to, "/etc/x", "x");
  write(to, "a/deep/down", "y");
  to.entry(entry("a/link", { kind: "hardlink", link: "a/deep/down" }));
  to.close();
  expect(readFileSync(at("etc", "x"), "utf8")).toBe("x");
  expect(statSync(at("b", "link")).ino).toBe(statSync(at("b", "deep", "down")).ino);
  expect(existsSync(at("a"))).toBe(false);
});

test("a directory that may not be written to gets its mode when all is in it", () => {
  const to = writer();
  to.entry(entry("d", { kind: "directory", mode: 0o500 }));
  to.entry(entry("d/e", { kind: "directory", mode: 0o500 }));
  write(to, "d/e/x", "x");
  to.finish();
  to.close();
  expect([statSync(at("d")).mode & 0o777, statSync(at("d", "e")).mtimeMs]).toEqual([0o500, 1e12]);
  for (const path of [at("d"), at("d", "e")]) Bun.spawnSync(["chmod", "700", path]);
});

test("directories and files do not take each other's place", () => {
  mkdirSync(at("d"));
  const to = writer();
  expect(() => to.entry(entry("d"))).toThrow('cannot overwrite directory "d" with non-directory');
  expect(() => to.entry(entry("d", { kind: "symlink", link: "x" }))).toThrow("cannot overwrite");
  to.entry(entry("null", { kind: "device" }));
  expect(to.counts).toEqual({ entries: 3, devices: 1 });
  to.close();
  expect(readdirSync(at())).toEqual(["d"]);
});
