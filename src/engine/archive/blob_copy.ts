/** Hands out what is in a blob of the store, and checks on the way that it is what its name says. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import { readAt } from "../../ffi/file_content.ts";
import { digestAlgorithm, DigestHasher } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { blobPath, hasBlob } from "../../storage/content_store.ts";
import { changedBlob, missingBlob } from "./stored_contents.ts";

/** Bytes in memory at a time. */
const PIECE = 1024 * 1024;

/**
 * Gives all bytes of a blob to `write`, one piece after the other.
 * @throws TsboxError "corrupt" when size or digest are wrong: at the latest after the last piece; "cancelled"
 */
export async function copyBlob(
  dataRoot: string,
  { digest, size }: Descriptor,
  write: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (!hasBlob(dataRoot, digest)) throw missingBlob(digest);
  const fd = openSync(blobPath(dataRoot, digest), "r");
  try {
    if (fstatSync(fd).size !== size) throw changedBlob(digest);
    const hasher = new DigestHasher(digestAlgorithm(digest));
    const buffer = new Uint8Array(PIECE);
    for (let at = 0; at < size;) {
      if (signal.aborted) throw new TsboxError("cancelled", "Cannot write the archive: cancelled");
      const count = readAt(fd, buffer.subarray(0, Math.min(PIECE, size - at)), at);
      if (count === 0) throw changedBlob(digest);
      hasher.update(buffer.subarray(0, count));
      await write(buffer.subarray(0, count));
      at += count;
    }
    if (hasher.digest() !== digest) throw changedBlob(digest);
  } finally {
    closeSync(fd);
  }
}
