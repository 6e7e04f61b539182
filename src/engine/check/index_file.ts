/** The image index itself. */
import { readFileSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import {
  type ImageEntry,
  indexCopy,
  listEntries,
  replaceIndex,
  type StoredImage,
} from "../../storage/image_index.ts";
import { isDigest } from "../../oci/digest.ts";
import { storePaths } from "../../storage/layout.ts";
import { type CheckedImage, describeImage } from "../pull/register.ts";
import { chainIDs, hasLayer, readLayerRecord } from "../../storage/layers.ts";
import { type BlobDocuments, documentsOf } from "./documents.ts";
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
    if (listEntries(dataRoot).every(isEntry)) return [];
  } catch (error) {
    if (!(error instanceof TsboxError) || error.code !== "corrupt") throw error;
  }
  return [{
    what: "image index: images.json is missing or cannot be read",
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
  const before = entriesIn(indexCopy(dataRoot)) ?? entriesIn(storePaths(dataRoot).images) ?? [];
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
  const records = chain.map((chainID) => readLayerRecord(dataRoot, chainID));
  return [{
    ...describeImage(image, known ?? { names: [], digests: [] }, records),
    ...(indexDigest !== undefined && { indexDigest }),
    ...known,
  }];
}

/** What is sound of an index; undefined when there is nothing to read. */
function entriesIn(path: string): ImageEntry[] | undefined {
  try {
    const file: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isIndex(file) ? file.images.filter(isEntry) : undefined;
  } catch {
    return undefined;
  }
}

function isIndex(value: unknown): value is { images: unknown[] } {
  return isObject(value) && Array.isArray(value["images"]);
}

function isEntry(value: unknown): value is ImageEntry {
  return isObject(value) && typeof value["id"] === "string" && isDigest(value["id"]) &&
    areWords(value["names"]) && areWords(value["digests"]) &&
    typeof value["created"] === "string" && typeof value["size"] === "number";
}
