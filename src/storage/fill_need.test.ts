import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needsFilling } from "./fill_need.ts";

let root: string;
let data: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tsbox-need-"));
  data = join(root, "data");
  mkdirSync(join(root, "layer"));
  mkdirSync(data, { mode: 0o755 });
});
afterEach(() => {
  chmodSync(join(root, "layer"), 0o755);
  rmSync(root, { recursive: true, force: true });
});
const need = () => needsFilling([join(root, "layer")], "/d", data);

test("nothing is to be copied where the image has nothing, or only what the volume is already", () => {
  expect(need()).toBe(false);
  mkdirSync(join(root, "layer/d"), { mode: 0o755 });
  expect(need()).toBe(false);
  chmodSync(join(root, "layer/d"), 0o700);
  expect(need()).toBe(true);
});

test("content is to be copied, and what we may not see is for the worker to find out", () => {
  mkdirSync(join(root, "layer/d"), { mode: 0o755 });
  writeFileSync(join(root, "layer/d/file"), "");
  expect(need()).toBe(true);
  rmSync(join(root, "layer/d"), { recursive: true });
  chmodSync(join(root, "layer"), 0);
  expect(need()).toBe(true);
});
