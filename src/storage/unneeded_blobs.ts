/** Blobs that others have taken the place of. */
import { rmSync } from "node:fs";
import { isDigest } from "../oci/digest.ts";
import { blobPath } from "./content_store.ts";
import { listImages } from "./image_index.ts";
import { storePaths } from "./layout.ts";
import { lockFile } from "./lock.ts";

/**
 * Deletes those of the blobs that no image names any more. Nothing while a pull or a push counts on what is
 * there: the next collection of garbage finds them.
 */
export function dropUnneededBlobs(dataRoot: string, digests: readonly string[]): void {
  if (digests.length === 0) return;
  const lock = lockFile(storePaths(dataRoot).layersLock, "exclusive", { wait: false });
  if (lock === undefined) return;
  try {
    const needed = new Set(
      listImages(dataRoot).flatMap(({ layers }) => layers.map(({ digest }) => digest)),
    );
    for (const digest of digests) {
      if (!needed.has(digest) && isDigest(digest)) {
        rmSync(blobPath(dataRoot, digest), { force: true });
      }
    }
  } finally {
    lock.release();
  }
}
