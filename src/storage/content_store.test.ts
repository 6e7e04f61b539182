import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { digestOf } from "../oci/digest.ts";
import { blobPath, nameBlob, storeBlob, storedDocument } from "./content_store.ts";
import { openStore } from "./layout.ts";

let store = "";
beforeEach(() => {
  store = mkdtempSync(`${tmpdir()}/content-`);
  openStore(store);
});
afterEach(() => rmSync(store, { recursive: true }));

const BYTES = new TextEncoder().encode("{}");
const DIGEST = digestOf(BYTES);
const SIZE = BYTES.length;

test("a document is what its digest and its size say, or it is not there", () => {
  const document = (size = SIZE, limit = 100) =>
    storedDocument(store, { digest: DIGEST, size }, limit);
  expect(document()).toBeUndefined();
  storeBlob(store, DIGEST, BYTES);
  expect(document()).toEqual(Buffer.from(BYTES));
  expect(document(SIZE + 1)).toBeUndefined();
  writeFileSync(blobPath(store, DIGEST), "[]");
  expect(document()).toBeUndefined();
});

test("what is larger than a document may be is not read, whatever names it", () => {
  storeBlob(store, DIGEST, BYTES);
  expect(storedDocument(store, { digest: DIGEST, size: SIZE }, SIZE)).toBeDefined();
  expect(storedDocument(store, { digest: DIGEST, size: SIZE }, SIZE - 1)).toBeUndefined();
});

test("a blob that another command has named from the same file is there", () => {
  const partial = `${openStore(store).partial}/x`;
  expect(() => nameBlob(store, DIGEST, partial)).toThrow(`Cannot keep the blob ${DIGEST}`);
  writeFileSync(partial, BYTES);
  nameBlob(store, DIGEST, partial);
  nameBlob(store, DIGEST, partial);
  expect(storedDocument(store, { digest: DIGEST, size: SIZE }, SIZE)).toBeDefined();
});
