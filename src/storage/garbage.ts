/**
 * Layers and blobs that no image needs: a pull that was never finished has left them.
 *
 * They are kept for a while, because the next pull of the image goes on from them.
 */
import { renameSync, statSync, unlinkSync } from "node:fs";
import { listBlobs } from "./content_store.ts";
import { listImages, type StoredImage } from "./image_index.ts";
import { layerHome, listLayers } from "./layers.ts";
import { storePaths } from "./layout.ts";
import { lockFile } from "./lock.ts";
import { trashPath } from "./trash.ts";

/** Milliseconds that unneeded things are kept. */
const KEPT = 7 * 24 * 60 * 60_000;

/**
 * Takes old unneeded layers and blobs out of the store. Nothing while a pull is going on: what it has
 * made is not in the index yet.
 * @param now milliseconds since 1970
 * @returns absolute paths in `tmp/` where the layers' trees are now, for the worker to delete
 */
export function collectGarbage(dataRoot: string, now: number): string[] {
  const lock = lockFile(storePaths(dataRoot).layersLock, "exclusive", { wait: false });
  if (lock === undefined) return [];
  try {
    const images = listImages(dataRoot);
    removeBlobs(dataRoot, images, now);
    return takeLayers(dataRoot, images, now);
  } finally {
    lock.release();
  }
}

function isOld(path: string, now: number): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && now - status.ctimeMs > KEPT;
}

function takeLayers(dataRoot: string, images: readonly StoredImage[], now: number): string[] {
  const needed = new Set(images.flatMap((image) => image.chainIDs));
  const homes = listLayers(dataRoot).filter((chainID) => !needed.has(chainID))
    .map((chainID) => layerHome(dataRoot, chainID))
    .filter((home) => isOld(home, now));
  return homes.map((home) => {
    const path = trashPath(dataRoot, `layer-${crypto.randomUUID()}`);
    renameSync(home, path);
    return path;
  });
}

function removeBlobs(dataRoot: string, images: readonly StoredImage[], now: number): void {
  const needed = new Set<string>(images.flatMap((image) => [
    image.id,
    image.manifestDigest,
    ...(image.indexDigest === undefined ? [] : [image.indexDigest]),
    ...image.layers.map((layer) => layer.digest),
  ]));
  for (const { digest, path } of listBlobs(dataRoot)) {
    if (!needed.has(digest) && isOld(path, now)) unlinkSync(path);
  }
}
