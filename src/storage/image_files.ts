/** Which blobs and layers an image is made of, and how large they are on the disk. */
import { statSync } from "node:fs";
import { isDigest } from "../oci/digest.ts";
import { blobPath } from "./content_store.ts";
import type { StoredImage } from "./image_index.ts";
import { readLayerRecord } from "./layers.ts";

/** Digests of all blobs of an image: config, manifest, index and layers as received; each once. */
export function blobsOf({ id, manifestDigest, indexDigest, layers }: StoredImage): Set<string> {
  return new Set([
    id,
    manifestDigest,
    ...(indexDigest === undefined ? [] : [indexDigest]),
    ...layers.map(({ digest }) => digest),
  ]);
}

/** Bytes of a blob; 0 when it is not there. */
export function blobSize(dataRoot: string, digest: string): number {
  if (!isDigest(digest)) return 0;
  return statSync(blobPath(dataRoot, digest), { throwIfNoEntry: false })?.size ?? 0;
}

/** Bytes of the files of an unpacked layer; 0 when it is not there. */
export function layerSize(dataRoot: string, chainID: string): number {
  try {
    return readLayerRecord(dataRoot, chainID).size;
  } catch {
    // It is being removed, or it is broken: neither is for a size to say.
    return 0;
  }
}
