/**
 * The content store: manifests, configs and layers as received, each in a file named by its digest.
 *
 * A blob has its name only when it is complete, checked and on the disk; it never changes then.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { type Digest, digestAlgorithm, digestHex, digestOf, isDigest } from "../oci/digest.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { storePaths } from "./layout.ts";
import { syncDirectory, writeDurably } from "./replace_file.ts";

/** Absolute path of a blob. Pure: does not say that it is there. */
export function blobPath(dataRoot: string, digest: Digest): string {
  return `${blobFolder(dataRoot, digest)}/${digestHex(digest)}`;
}

function blobFolder(dataRoot: string, digest: Digest): string {
  const { blobs } = storePaths(dataRoot);
  return digestAlgorithm(digest) === "sha256" ? blobs : blobs.replace(/sha256$/, "sha512");
}

/** Absolute path of a download that was cut, to go on with; its lock is `<path>.lock`. Pure. */
export function partialPath(dataRoot: string, digest: Digest): string {
  return `${storePaths(dataRoot).partial}/${digestAlgorithm(digest)}-${digestHex(digest)}`;
}

export function hasBlob(dataRoot: string, digest: Digest): boolean {
  return existsSync(blobPath(dataRoot, digest));
}

/**
 * The bytes of a small blob, checked again: a disk may have changed them.
 * @throws TsboxError "not-found" or "corrupt"
 */
export function readBlob(dataRoot: string, digest: Digest): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(blobPath(dataRoot, digest));
  } catch (error) {
    throw new TsboxError("not-found", `Cannot read the blob ${digest}: ${messageOf(error)}`, {
      cause: error,
      hint: "pull the image again",
    });
  }
  if (digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes;
  throw new TsboxError("corrupt", `Cannot use the blob ${digest}: its content has changed`, {
    hint: "remove the image and pull it again",
  });
}

/** Stores a small blob whose digest was checked. */
export function storeBlob(dataRoot: string, digest: Digest, bytes: Uint8Array): void {
  if (hasBlob(dataRoot, digest)) return;
  const temporary = `${partialPath(dataRoot, digest)}.${process.pid}`;
  writeDurably(temporary, bytes);
  nameBlob(dataRoot, digest, temporary);
}

/** Gives a complete, checked blob its name. The content is on the disk already; the name need not be. */
export function nameBlob(dataRoot: string, digest: Digest, path: string): void {
  if (digestAlgorithm(digest) !== "sha256") {
    mkdirSync(blobFolder(dataRoot, digest), { recursive: true, mode: 0o700 });
  }
  renameSync(path, blobPath(dataRoot, digest));
}

/** Makes the names of blobs and layers durable: before an index that speaks of them is written. */
export function syncNames(dataRoot: string): void {
  const { blobs, layers } = storePaths(dataRoot);
  syncDirectory(blobs);
  syncDirectory(layers);
  const other = blobs.replace(/sha256$/, "sha512");
  if (existsSync(other)) syncDirectory(other);
}

/** All blobs, with their absolute paths. */
export function listBlobs(dataRoot: string): { digest: Digest; path: string }[] {
  const { blobs } = storePaths(dataRoot);
  return (["sha256", "sha512"] as const).flatMap((algorithm) => {
    const folder = blobs.replace(/sha256$/, algorithm);
    if (!existsSync(folder)) return [];
    return readdirSync(folder).flatMap((name) => {
      const digest = `${algorithm}:${name}`;
      return isDigest(digest) ? [{ digest, path: `${folder}/${name}` }] : [];
    });
  });
}
