/**
 * Layers and blobs that no image needs: a pull that was never finished has left them.
 *
 * They are kept for a while, because the next pull of the image goes on from them.
 */
import { renameSync, statSync, unlinkSync } from "node:fs";
import { listBlobs } from "./content_store.ts";
import { listImages, type StoredImage } from "./image_index.ts";
import { blobSize, blobsOf, layerSize } from "./image_files.ts";
import { layerHome, listLayers } from "./layers.ts";
import { storePaths } from "./layout.ts";
import { lockFile } from "./lock.ts";
import { removePartials } from "./temporary.ts";
import { trashPath } from "./trash.ts";

/** Milliseconds that unneeded things are kept. */
const KEPT = 7 * 24 * 60 * 60_000;

/** What was taken out of the store. */
export interface Collected {
  /** Absolute paths in `tmp/` where the layers' trees are now, for the worker to delete. */
  trees: string[];
  /** Of blobs, cut downloads and the files of the layers. */
  bytes: number;
}

/**
 * Takes old unneeded layers and blobs out of the store. Nothing while a pull is going on: what it has
 * made is not in the index yet.
 * @param now milliseconds since 1970
 * @returns as {@link Collected.trees}
 */
export function collectGarbage(dataRoot: string, now: number): string[] {
  return collect(dataRoot, (path) => isOld(path, now)).trees;
}

/**
 * Takes all of them, however new, and cut downloads: who wants room does not want to go on with them. Nothing while
 * a pull is going on. What an image is known by at a registry stays with it, as old as it may be.
 */
export function collectUnneeded(dataRoot: string): Collected {
  return collect(dataRoot, () => true, () => removePartials(dataRoot, () => true));
}

/** @param isMeant of a layer or blob that no image needs, by its path @param removeMore returns bytes */
function collect(
  dataRoot: string,
  isMeant: (path: string) => boolean,
  removeMore = () => 0,
): Collected {
  const lock = lockFile(storePaths(dataRoot).layersLock, "exclusive", { wait: false });
  if (lock === undefined) return { trees: [], bytes: 0 };
  try {
    const images = listImages(dataRoot);
    const bytes = removeMore() + removeBlobs(dataRoot, images, isMeant);
    const layers = takeLayers(dataRoot, images, isMeant);
    return { trees: layers.trees, bytes: bytes + layers.bytes };
  } finally {
    lock.release();
  }
}

function isOld(path: string, now: number): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && now - status.ctimeMs > KEPT;
}

function takeLayers(
  dataRoot: string,
  images: readonly StoredImage[],
  isMeant: (path: string) => boolean,
): Collected {
  const needed = new Set(images.flatMap((image) => image.chainIDs));
  const taken: Collected = { trees: [], bytes: 0 };
  for (const chainID of listLayers(dataRoot)) {
    const home = layerHome(dataRoot, chainID);
    if (needed.has(chainID) || !isMeant(home)) continue;
    taken.bytes += layerSize(dataRoot, chainID);
    const path = trashPath(dataRoot, `layer-${crypto.randomUUID()}`);
    renameSync(home, path);
    taken.trees.push(path);
  }
  return taken;
}

function removeBlobs(
  dataRoot: string,
  images: readonly StoredImage[],
  isMeant: (path: string) => boolean,
): number {
  const needed = new Set<string>();
  for (const image of images) {
    for (const digest of blobsOf(image)) needed.add(digest);
    for (const name of image.digests) needed.add(name.slice(name.lastIndexOf("@") + 1));
  }
  let bytes = 0;
  for (const { digest, path } of listBlobs(dataRoot)) {
    if (needed.has(digest) || !isMeant(path)) continue;
    bytes += blobSize(dataRoot, digest);
    unlinkSync(path);
  }
  return bytes;
}
