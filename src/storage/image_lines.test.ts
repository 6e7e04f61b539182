import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { imageOf } from "../../tests/support/container_records.ts";
import {
  type ImageLines,
  type IndexMark,
  indexMark,
  keepLines,
  markOf,
  readLines,
} from "./image_lines.ts";
import { updateImages } from "./image_index.ts";
import { openStore } from "./layout.ts";

let store = "";
beforeEach(() => {
  store = mkdtempSync(`${tmpdir()}/lines-`);
  openStore(store);
  updateImages(store, () => [imageOf("a")]);
});
afterEach(() => rmSync(store, { recursive: true }));

const LONG = 100;
const OLD = 0;

function lines(count = LONG): ImageLines {
  const texts = (text: string) => Array.from({ length: count + 1 }, (_, i) => text + i);
  return {
    left: texts("l"),
    created: Array.from({ length: count }, (_, i) => i),
    right: texts("r"),
  };
}

function mark(): IndexMark {
  const found = indexMark(store);
  if (found === undefined) throw new Error("there is an index");
  return found;
}

const kept = () => existsSync(`${store}/listed-images`);

test("what was kept is there until the index changes", () => {
  keepLines(store, { ...mark(), changed: OLD }, lines());
  expect(readLines(store, mark())).toEqual(lines());
  updateImages(store, (images) => images);
  expect(readLines(store, mark())).toBeUndefined();
});

test("an index whose content was changed in its place is another one, whatever times it claims", () => {
  keepLines(store, { ...mark(), changed: OLD }, lines());
  const text = readFileSync(`${store}/images.json`, "utf8");
  writeFileSync(`${store}/images.json`, text.replace("a", "b"));
  utimesSync(`${store}/images.json`, 1, 1);
  expect(readLines(store, mark())).toBeUndefined();
});

test("one changed letter, wherever it is, and a part of the file are as good as no file", () => {
  keepLines(store, { ...mark(), changed: OLD }, lines());
  const file = `${store}/listed-images`;
  const text = readFileSync(file, "utf8");
  for (const at of [0, 5, text.indexOf("\n"), text.indexOf("l7"), text.length - 1]) {
    const changed = String.fromCharCode(text.charCodeAt(at) ^ 1);
    writeFileSync(file, text.slice(0, at) + changed + text.slice(at + 1));
    expect(readLines(store, mark())).toBeUndefined();
  }
  writeFileSync(file, text.slice(0, -10));
  expect(readLines(store, mark())).toBeUndefined();
  writeFileSync(file, text);
  expect(readLines(store, mark())).toEqual(lines());
});

test("a short list is not worth a file, and an index of this moment may still be replaced unnoticed", () => {
  keepLines(store, { ...mark(), changed: OLD }, lines(LONG - 1));
  expect(kept()).toBe(false);
  keepLines(store, { ...mark(), changed: Date.now() }, lines());
  expect(kept()).toBe(false);
  keepLines(store, { ...mark(), changed: OLD }, lines());
  expect(kept()).toBe(true);
});

test("the nanoseconds of a mark's time have no zeros in front", () => {
  const { text, changed } = markOf({ inode: 7, changed: "12.5000000", size: 9 });
  expect([text, changed]).toEqual(["7 12.5000000 9", 12_005]);
  expect(mark().changed).toBeCloseTo(statSync(`${store}/images.json`).ctimeMs, 1);
});

test("what is no such file, or another version's, says nothing", () => {
  for (
    const text of [
      "",
      "{}",
      "null",
      "\0garbage",
      `{"format":0,"mark":"${mark().text}","lines":{}}`,
      `3 ${mark().text} 0\n{}`,
    ]
  ) {
    writeFileSync(`${store}/listed-images`, text);
    expect(readLines(store, mark())).toBeUndefined();
  }
  expect(indexMark(`${store}/none`)).toBeUndefined();
});
