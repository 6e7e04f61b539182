import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesOfText } from "../ffi/files.ts";
import { setAttribute } from "../ffi/files.ts";
import { closeFile, openFile } from "../ffi/quick_files.ts";
import { O } from "../ffi/constants.ts";
import { closeSources, openLayers, openMergedDirectory } from "./merged_path.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tsbox-merged-"));
  for (const layer of ["top", "base"]) mkdirSync(join(root, layer));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const folder = (path: string) => mkdirSync(join(root, path), { recursive: true });
const link = (target: string, path: string) => symlinkSync(target, join(root, path));

/** Places in the layers that show through, the topmost first; undefined when it is no directory. */
function found(path: string): string[] | undefined {
  const tops = openLayers([join(root, "top"), join(root, "base")]);
  const sources = openMergedDirectory(tops, bytesOfText(path));
  try {
    return sources?.map(({ fd }) => readlinkSync(`/proc/self/fd/${fd}`).slice(root.length + 1));
  } finally {
    closeSources(tops);
    closeSources(sources ?? []);
  }
}

test("a directory shows through from all layers that have it", () => {
  for (const path of ["top/a/b", "base/a/b", "base/a/only"]) folder(path);
  expect(found("/a/b")).toEqual(["top/a/b", "base/a/b"]);
  expect(found("a//./only/")).toEqual(["base/a/only"]);
  expect(found("/")).toEqual(["top", "base"]);
  expect(found("/a/none")).toBeUndefined();
});

test("a file or an opaque directory hides what is below it", () => {
  for (const path of ["base/file/x", "base/opaque/x", "top/opaque"]) folder(path);
  writeFileSync(join(root, "top/file"), "");
  const fd = openFile(join(root, "top/opaque"), O.RDONLY);
  expect(setAttribute(fd, "user.overlay.opaque", Buffer.from("y"))).toBe(0);
  closeFile(fd);
  expect(found("/file")).toBeUndefined();
  expect(found("/file/x")).toBeUndefined();
  expect(found("/opaque")).toEqual(["top/opaque"]);
  expect(found("/opaque/x")).toBeUndefined();
});

test("links are followed inside the layers, wherever they point", () => {
  for (const path of ["base/real/in", "base/other", "top/dir"]) folder(path);
  link("/real", "top/absolute");
  link("../../../../real", "top/dir/climbing");
  link("absolute/in/../../other", "top/winding");
  link("real/in", "base/winding-base");
  expect(found("/absolute/in")).toEqual(["base/real/in"]);
  expect(found("/dir/climbing")).toEqual(["base/real"]);
  expect(found("/winding")).toEqual(["base/other"]);
  expect(found("/winding-base/..")).toEqual(["base/real"]);
  expect(found("/../../real")).toEqual(["base/real"]);
});

test("links to what only the host has, to files, in circles or into the dark lead nowhere", () => {
  writeFileSync(join(root, "base/file"), "");
  link(root, "top/host");
  link("/proc/self/root", "top/magic");
  link("loop-b", "top/loop-a");
  link("loop-a", "top/loop-b");
  link("file", "top/to-file");
  for (const path of ["/host", "/magic", "/magic/etc", "/loop-a", "/to-file", "/file/.."]) {
    expect({ path, found: found(path) }).toEqual({ path, found: undefined });
  }
});

test("an absurd path ends soon, and no descriptor stays open", () => {
  folder("base/a");
  link(`${"a/../".repeat(800)}a`, "top/long");
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  const begin = performance.now();
  expect(found(`/${"a/../".repeat(600)}a`)).toEqual(["base/a"]);
  expect(found("/long/../long/../long")).toBeUndefined();
  expect(found(`/${"../".repeat(1300)}a`)).toEqual(["base/a"]);
  expect(performance.now() - begin).toBeLessThan(2000);
  expect(open()).toBe(before);
});
