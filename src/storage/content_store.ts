/**
 * The content store: manifests, configs and layers as received, each in a file named by its digest.
 *
 * A blob has its name only when it is complete, checked and on the disk; it never changes then.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { messageOf, TsboxError } from "../errors.ts";
import { type Digest, digestAlgorithm, digestHex, digestOf, isDigest } from "../oci/digest.ts";
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
 * A manifest or config, checked; undefined when it is not there as `descriptor` says, also when a bad disk has changed it.
 * @param limit bytes, since a descriptor may name anything: a layer, too
 */
export function storedDocument(
  dataRoot: string,
  { digest, size }: { digest: Digest; size: number },
  limit: number,
): Uint8Array | undefined {
  const path = blobPath(dataRoot, digest);
  try {
    if (size > limit || statSync(path).size !== size) return undefined;
    const bytes = readFileSync(path);
    return digestOf(bytes, digestAlgorithm(digest)) === digest ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** Stores a small blob whose digest was checked; also in the place of one that a bad disk has changed. */
export function storeBlob(dataRoot: string, digest: Digest, bytes: Uint8Array): void {
  if (hasBytes(blobPath(dataRoot, digest), bytes)) return;
  const temporary = `${partialPath(dataRoot, digest)}.${process.pid}`;
  writeDurably(temporary, bytes);
  nameBlob(dataRoot, digest, temporary);
}

function hasBytes(path: string, bytes: Uint8Array): boolean {
  try {
    return statSync(path).size === bytes.length && readFileSync(path).equals(bytes);
  } catch {
    return false;
  }
}

/** Gives a complete, checked blob its name. The content is on the disk already; the name need not be. */
export function nameBlob(dataRoot: string, digest: Digest, path: string): void {
  if (digestAlgorithm(digest) !== "sha256") {
    mkdirSync(blobFolder(dataRoot, digest), { recursive: true, mode: 0o700 });
  }
  const blob = blobPath(dataRoot, digest);
  try {
    renameSync(path, blob);
  } catch (error) {
    // Where our lock was taken away from us, another command has gone on with the same file.
    if (existsSync(path)) throw error;
    if (existsSync(blob)) return;
    throw new TsboxError("unavailable", `Cannot keep the blob ${digest}: ${messageOf(error)}`, {
      cause: error,
      hint: "try again",
    });
  }
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
