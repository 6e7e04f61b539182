/** Takes the files of a removed image out of the store, as far as no other image needs them. */
import { renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isDigest } from "../oci/digest.ts";
import { blobPath } from "./content_store.ts";
import { listImages, type StoredImage } from "./image_index.ts";
import { layerHome } from "./layers.ts";
import { storePaths } from "./layout.ts";
import { lockFileSoon } from "./lock.ts";
import { trashPath } from "./trash.ts";

/** What was taken out. */
export interface DetachedFiles {
  /** Of the layers, the top one first. */
  chainIDs: string[];
  /** Absolute paths in tmp/, to be deleted by a worker: layers hold files of foreign owners. */
  trees: string[];
}

/**
 * Moves the image's layers into tmp/ and deletes its blobs. The image has left the index before.
 *
 * A pull holds layers.lock shared from looking at what is there until its image is in the index: so
 * no layer is taken away that a pull has counted on.
 * Throws TsboxError("cancelled") when `signal` is aborted while a pull is waited for.
 */
export async function detachImageFiles(
  dataRoot: string,
  image: StoredImage,
  signal: AbortSignal,
): Promise<DetachedFiles> {
  const paths = storePaths(dataRoot);
  const lock = await lockFileSoon(paths.layersLock, "exclusive", { signal });
  try {
    const others = listImages(dataRoot);
    const needed = new Set(others.flatMap((other) => other.chainIDs));
    const chainIDs = image.chainIDs.filter((chainID) => !needed.has(chainID)).reverse();
    const trees = new Map(chainIDs.flatMap((chainID) => {
      // A name of its own: a removal that was killed may have left this layer there.
      const tree = trashPath(dataRoot, `layer-${crypto.randomUUID()}`);
      return gone(() => renameSync(layerHome(dataRoot, chainID), tree))
        ? []
        : [[chainID, tree] as const];
    }));
    removeBlobs(dataRoot, image, others, trees);
    return { chainIDs, trees: [...trees.values()] };
  } finally {
    lock.release();
  }
}

/** @param trees where the trees of layers are now, by their chainIDs */
function removeBlobs(
  dataRoot: string,
  image: StoredImage,
  others: readonly StoredImage[],
  trees: ReadonlyMap<string, string>,
): void {
  const needed = new Set(others.flatMap(blobsOf));
  const layers = new Map(image.layers.map(({ digest }, i) => [digest, image.chainIDs[i] ?? ""]));
  for (const digest of new Set(blobsOf(image))) {
    if (needed.has(digest) || !isDigest(digest)) continue;
    const tree = trees.get(layers.get(digest) ?? "");
    removeBlob(blobPath(dataRoot, digest), tree);
  }
}

/**
 * Takes a blob out of the store, a layer's with its tree: to free a hundred megabytes takes some file systems tens of
 * milliseconds, which a large layer's tree does not take from who waits.
 */
function removeBlob(path: string, tree: string | undefined): void {
  try {
    if (tree !== undefined) return renameSync(path, join(tree, "blob"));
  } catch {
    // It is gone, or the directory has no room for it.
  }
  gone(() => unlinkSync(path));
}

function blobsOf(image: StoredImage): string[] {
  const { id, manifestDigest, indexDigest, layers } = image;
  const digests = [id, manifestDigest, ...layers.map((layer) => layer.digest)];
  return indexDigest === undefined ? digests : [...digests, indexDigest];
}

/** True when there was nothing to act on. */
function gone(action: () => void): boolean {
  try {
    action();
    return false;
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return true;
    throw thrown;
  }
}
