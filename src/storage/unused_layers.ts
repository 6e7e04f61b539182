/** Takes layers that no image needs out of the store, unless somebody may be counting on them. */
import { existsSync, renameSync } from "node:fs";
import { listImages } from "./image_index.ts";
import { layerHome } from "./layers.ts";
import { storePaths } from "./layout.ts";
import { lockFile } from "./lock.ts";
import { trashPath } from "./trash.ts";

/**
 * Moves those of the layers that no image needs into tmp/; none while a pull or another command that makes images
 * works with the store.
 * @returns absolute paths of the trees, for a worker to delete
 */
export function takeUnusedLayers(dataRoot: string, chainIDs: readonly string[]): string[] {
  if (chainIDs.length === 0) return [];
  const { layersLock } = storePaths(dataRoot);
  const lock = lockFile(layersLock, "exclusive", { wait: false });
  if (lock === undefined) return [];
  try {
    const needed = new Set(listImages(dataRoot).flatMap((image) => image.chainIDs));
    const homes = chainIDs.filter((chainID) => !needed.has(chainID))
      .map((chainID) => layerHome(dataRoot, chainID))
      .filter((home) => existsSync(home));
    return homes.map((home) => {
      const tree = trashPath(dataRoot, `layer-${crypto.randomUUID()}`);
      renameSync(home, tree);
      return tree;
    });
  } finally {
    lock.release();
  }
}
