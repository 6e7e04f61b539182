/** The image index itself. */
import { readFileSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import {
  hasItsSum,
  type ImageEntry,
  indexCopy,
  replaceIndex,
  type StoredImage,
  verifiedEntries,
} from "../../storage/image_index.ts";
import { isDigest } from "../../oci/digest.ts";
import { storePaths } from "../../storage/layout.ts";
import { type CheckedImage, describeImage } from "../pull/register.ts";
import { chainIDs, hasLayer } from "../../storage/layers.ts";
import { type BlobDocuments, documentsOf } from "./documents.ts";
import { layerRecords } from "./layer_records.ts";
import type { Problem } from "./problem.ts";
import { areWords, isObject } from "./shapes.ts";

/**
 * An index that cannot be read.
 * @throws TsboxError "unsupported" when a newer tsbox wrote it: then nothing here is ours to judge
 */
export function checkIndex(
  dataRoot: string,
  documents: BlobDocuments,
  good: ReadonlySet<string>,
): Problem[] {
  try {
    if (verifiedEntries(dataRoot).every(isEntry)) return [];
  } catch (error) {
    if (!(error instanceof TsboxError) || error.code !== "corrupt") throw error;
  }
  return [{
    what: "image index: images.json is missing or damaged",
    remedy: "makes it anew from its copy and the manifests and configs in blobs/",
    mend: () => rebuildIndex(dataRoot, documents, good),
  }];
}

/** Names are in no blob: they come from the copy, or from what can be read of the index itself. */
function rebuildIndex(
  dataRoot: string,
  documents: BlobDocuments,
  good: ReadonlySet<string>,
): void {
  const files = [indexCopy(dataRoot), storePaths(dataRoot).images].flatMap(readFile);
  const before = (files.find(hasItsSum) ?? files[0])?.images.filter(isEntry) ?? [];
  const images = [...documents.images.keys()].flatMap((id) => {
    const known = before.find((entry) => entry.id === id);
    const found = documentsOf(known ?? { id, digests: [] }, documents, good);
    return found === undefined ? [] : described(dataRoot, found, known);
  });
  const made = new Set(images.map(({ id }) => id));
  replaceIndex(dataRoot, [...before.filter(({ id }) => !made.has(id)), ...images]);
}

/** Nothing for an image whose layers are not all unpacked. */
function described(
  dataRoot: string,
  { image, indexDigest }: { image: CheckedImage; indexDigest?: string },
  known: ImageEntry | undefined,
): StoredImage[] {
  const chain = chainIDs(image.config.diffIds);
  if (!chain.every((chainID) => hasLayer(dataRoot, chainID))) return [];
  const records = layerRecords(dataRoot, chain);
  return [{
    ...describeImage(image, known ?? { names: [], digests: [] }, records),
    ...(indexDigest !== undefined && { indexDigest }),
    ...known,
  }];
}

/** An index; nothing when it cannot be read. */
function readFile(path: string): { images: unknown[]; sum?: unknown }[] {
  try {
    const file: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isIndex(file) ? [file] : [];
  } catch {
    return [];
  }
}

function isIndex(value: unknown): value is { images: unknown[]; sum?: unknown } {
  return isObject(value) && Array.isArray(value["images"]);
}

function isEntry(value: unknown): value is ImageEntry {
  return isObject(value) && typeof value["id"] === "string" && isDigest(value["id"]) &&
    areWords(value["names"]) && areWords(value["digests"]) &&
    typeof value["created"] === "string" && typeof value["size"] === "number";
}
