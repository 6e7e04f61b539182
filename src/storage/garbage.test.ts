import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { digestOf } from "../oci/digest.ts";
import { listBlobs, storeBlob } from "./content_store.ts";
import { collectGarbage, collectUnneeded } from "./garbage.ts";
import { updateImages } from "./image_index.ts";
import { layerHome, listLayers } from "./layers.ts";
import { openStore } from "./layout.ts";
import { lockFile } from "./lock.ts";
import { collectTrash, temporaryPlace } from "./temporary.ts";

const LATER = Date.now() + 8 * 24 * 60 * 60_000;

let root = "";
beforeEach(() => root = `${mkdtempSync(`${tmpdir()}/tsbox-garbage-`)}/store`);
afterEach(() => rmSync(root.slice(0, -"/store".length), { recursive: true }));

const text = (word: string) => new TextEncoder().encode(word);

function addBlob(word: string): string {
  const digest = digestOf(text(word));
  storeBlob(root, digest, text(word));
  return digest;
}

function addLayer(word: string): string {
  const chainID = digestOf(text(word));
  mkdirSync(layerHome(root, chainID));
  writeFileSync(`${layerHome(root, chainID)}/layer.json`, "{}");
  return chainID;
}

function addImage(chainIDs: string[], id: string): void {
  const config = {
    architecture: "amd64",
    os: "linux",
    diffIds: [],
    env: [],
    user: "",
    workingDir: "",
    volumes: [],
    exposedPorts: [],
    labels: {},
    history: [],
  };
  updateImages(root, (images) => [...images, {
    id,
    manifestDigest: id,
    names: [],
    digests: [],
    created: "",
    size: 0,
    platform: { os: "linux", architecture: "amd64" },
    config,
    chainIDs,
    ownersLost: false,
    layers: [],
  }]);
}

test("what no image needs is taken away when it is old, and only then", () => {
  openStore(root);
  const needed = addLayer("needed");
  const unneeded = addLayer("unneeded");
  const id = addBlob("config");
  addBlob("left over");
  addImage([needed], id);
  expect(collectGarbage(root, Date.now())).toEqual([]);
  expect(listLayers(root).sort()).toEqual([needed, unneeded].sort());
  const trash = collectGarbage(root, LATER);
  expect(trash).toHaveLength(1);
  expect(readdirSync(trash[0] ?? "")).toEqual(["layer.json"]);
  expect(listLayers(root)).toEqual([needed]);
  expect(listBlobs(root).map((blob) => String(blob.digest))).toEqual([id]);
});

test("nothing is taken away while a pull is going on", () => {
  const { layersLock } = openStore(root);
  addLayer("being pulled");
  const pull = lockFile(layersLock, "shared", { wait: true });
  expect(collectGarbage(root, LATER)).toEqual([]);
  pull?.release();
  expect(collectGarbage(root, LATER)).toHaveLength(1);
});

test("who wants room gets all that no image needs, and cut downloads, however new, but not of a pull", () => {
  const { layersLock, partial } = openStore(root);
  const needed = addLayer("needed");
  addLayer("unneeded");
  const id = addBlob("config");
  const atRegistry = addBlob("another manifest of it");
  addBlob("left over");
  addImage([needed], id);
  updateImages(
    root,
    (images) => images.map((image) => ({ ...image, digests: [`localhost/x@${atRegistry}`] })),
  );
  writeFileSync(`${partial}/sha256-a`, "half");
  const pull = lockFile(layersLock, "shared", { wait: true });
  expect(collectUnneeded(root)).toEqual({ trees: [], bytes: 0 });
  pull?.release();
  const { trees, bytes } = collectUnneeded(root);
  expect(trees).toHaveLength(1);
  expect(bytes).toBe("left over".length + "half".length);
  expect(listLayers(root)).toEqual([needed]);
  expect(listBlobs(root).map(({ digest }) => String(digest)).sort()).toEqual(
    [id, atRegistry].sort(),
  );
  expect(readdirSync(partial)).toEqual([]);
});

test("a temporary place is trash when it is released or its holder is dead, not before", () => {
  const { tmp } = openStore(root);
  const place = temporaryPlace(root, "thing");
  mkdirSync(place.path);
  expect(collectTrash(root, LATER)).toEqual([]);
  place.release();
  expect(collectTrash(root, Date.now())).toEqual([]);
  expect(collectTrash(root, LATER)).toEqual([place.path]);
  rmSync(place.path, { recursive: true });
  const other = temporaryPlace(root, "unused");
  other.release();
  expect(readdirSync(tmp)).toEqual([]);
});

test("downloads that were cut are kept for a week", () => {
  const { partial } = openStore(root);
  writeFileSync(`${partial}/sha256-a`, "half");
  collectTrash(root, Date.now());
  expect(readdirSync(partial)).toEqual(["sha256-a"]);
  collectTrash(root, LATER);
  expect(readdirSync(partial)).toEqual([]);
});
