import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { imageOf } from "../../tests/support/container_records.ts";
import {
  type ImageColumns,
  type IndexMark,
  indexMark,
  keepColumns,
  readColumns,
} from "./image_columns.ts";
import { updateImages } from "./image_index.ts";
import { openStore } from "./layout.ts";

let store = "";
beforeEach(() => {
  store = mkdtempSync(`${tmpdir()}/columns-`);
  openStore(store);
  updateImages(store, () => [imageOf("a")]);
});
afterEach(() => rmSync(store, { recursive: true }));

const LONG = 100;
const OLD = 0;

function columns(count = LONG): ImageColumns {
  const texts = (text: string) => Array.from({ length: count }, (_, i) => text + i);
  const created = Array.from({ length: count }, (_, i) => i);
  return {
    repositories: texts("r"),
    tags: texts("t"),
    ids: texts("i"),
    created,
    sizes: texts("s"),
  };
}

function mark(): IndexMark {
  const found = indexMark(store);
  if (found === undefined) throw new Error("there is an index");
  return found;
}

const kept = () => existsSync(`${store}/listed-images`);

test("what was kept is there until the index changes", () => {
  keepColumns(store, { ...mark(), changed: OLD }, columns());
  expect(readColumns(store, mark())).toEqual(columns());
  updateImages(store, (images) => images);
  expect(readColumns(store, mark())).toBeUndefined();
});

test("an index whose content was changed in its place is another one, whatever times it claims", () => {
  keepColumns(store, { ...mark(), changed: OLD }, columns());
  const text = readFileSync(`${store}/images.json`, "utf8");
  writeFileSync(`${store}/images.json`, text.replace("a", "b"));
  utimesSync(`${store}/images.json`, 1, 1);
  expect(readColumns(store, mark())).toBeUndefined();
});

test("a short list is not worth a file, and an index of this moment may still be replaced unnoticed", () => {
  keepColumns(store, { ...mark(), changed: OLD }, columns(LONG - 1));
  expect(kept()).toBe(false);
  keepColumns(store, { ...mark(), changed: Date.now() }, columns());
  expect(kept()).toBe(false);
  keepColumns(store, { ...mark(), changed: OLD }, columns());
  expect(kept()).toBe(true);
});

test("what is no such file, or another version's, says nothing", () => {
  for (
    const text of [
      "",
      "{}",
      "null",
      "\0garbage",
      `{"format":0,"mark":"${mark().text}","columns":{}}`,
    ]
  ) {
    writeFileSync(`${store}/listed-images`, text);
    expect(readColumns(store, mark())).toBeUndefined();
  }
  expect(indexMark(`${store}/none`)).toBeUndefined();
});
