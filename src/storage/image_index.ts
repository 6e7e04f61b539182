/**
 * The image index: what every image is called, in one small JSON file; the rest is in a record for each image.
 *
 * Read on the path of every `run`, so one read and one parse; replaced as a whole by rename(2) under a lock.
 */
import { ERRNO } from "../ffi/errno.ts";
import { exists, isErrno, readText, unlink, writeText } from "../ffi/quick_files.ts";
import { digestOf } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import { messageOf, TsboxError } from "../errors.ts";
import {
  entryOf,
  type ImageEntry,
  isWhole,
  missingRecord,
  readImage,
  type StoredImage,
  sweepRecords,
  writeImages,
} from "./image_record.ts";
import { storePaths } from "./layout.ts";
import { withLock } from "./lock.ts";
import { replaceFile } from "./replace_file.ts";

export type { ImageEntry, StoredImage, StoredLayer } from "./image_record.ts";

interface IndexFile {
  /** Version 1 had the images whole in it; it is read, and gone with the first change. */
  version: 1 | 2;
  images: ImageEntry[];
  /** Digest of the images as they are written; older versions wrote none. */
  sum?: string;
}

/**
 * All images as the index has them, in the order they came: one read, however many they are.
 * @throws TsboxError "corrupt" when the index cannot be read, "unsupported" when a newer tsbox wrote it
 */
export function listEntries(dataRoot: string): ImageEntry[] {
  return readIndex(dataRoot)?.images ?? [];
}

/**
 * {@link listEntries} for who deletes what the index does not speak of: should a bit of a name or an id have flipped
 * on the disk, that could be a complete image.
 * @throws TsboxError as listEntries, "corrupt" also when the index is not as it was written
 */
export function verifiedEntries(dataRoot: string): ImageEntry[] {
  const file = readIndex(dataRoot);
  if (file === undefined) return [];
  if (hasItsSum(file)) return file.images;
  throw damagedIndex(storePaths(dataRoot).images, "it is not as it was written");
}

/** Whether an index is as it was written, as far as it says. Pure. */
export function hasItsSum({ images, sum }: { images: unknown[]; sum?: unknown }): boolean {
  return sum === undefined || sum === sumOf(images);
}

function sumOf(images: unknown[]): string {
  return digestOf(new TextEncoder().encode(JSON.stringify(images)));
}

function readIndex(dataRoot: string): IndexFile | undefined {
  const path = storePaths(dataRoot).images;
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (isErrno(error, ERRNO.ENOENT)) return noIndex(dataRoot);
    throw new TsboxError("host", `Cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
  return decode(path, text);
}

/**
 * All images, whole, in the order they came: a read for each of them.
 * @throws TsboxError as {@link listEntries}, and "corrupt" when the record of an image is missing
 */
export function listImages(dataRoot: string): StoredImage[] {
  const images: StoredImage[] = [];
  for (const entry of listEntries(dataRoot)) {
    const image = wholeImage(dataRoot, entry);
    if (image !== undefined) images.push(image);
  }
  return images;
}

/**
 * The whole image of an entry that was read before; undefined when it was removed meanwhile.
 * @throws TsboxError "corrupt" when the index has the image, but there is no record of it
 */
export function wholeImage(dataRoot: string, entry: ImageEntry): StoredImage | undefined {
  const image = readImage(dataRoot, entry);
  if (image !== undefined) return image;
  // A record outlives its entry: without one, the entry is gone, or it was lost and came again.
  const now = listEntries(dataRoot).find(({ id }) => id === entry.id);
  if (now === undefined) return undefined;
  const again = readImage(dataRoot, now);
  if (again === undefined) throw missingRecord(dataRoot, entry.id);
  return again;
}

function decode(path: string, text: string): IndexFile {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw damagedIndex(path, messageOf(error), error);
  }
  if (isIndexFile(file)) return file;
  if (isOurs(file)) throw damagedIndex(path, "it is no list of images");
  throw new TsboxError("unsupported", `Cannot read "${path}": another version of tsbox wrote it`, {
    hint: "use that version, or another --data-root",
  });
}

/** A new store has no images. One that had some has lost them all: what is in it must not be taken for unneeded. */
function noIndex(dataRoot: string): undefined {
  if (exists(indexCopy(dataRoot))) throw damagedIndex(storePaths(dataRoot).images, "it is gone");
}

/** Where a second index is, should a damaged disk take the first: names of images are nowhere else. Pure. */
export function indexCopy(dataRoot: string): string {
  return `${storePaths(dataRoot).images}.copy`;
}

function damagedIndex(path: string, reason: string, cause?: unknown): TsboxError {
  return new TsboxError("corrupt", `Cannot read "${path}": ${reason}`, {
    cause,
    hint: "'tsbox system check --repair' makes it anew from what is there",
  });
}

/** We alone write this file, whole: its version vouches for the shape of its images. */
function isIndexFile(value: unknown): value is IndexFile {
  return isOurs(value) && "images" in value && Array.isArray(value.images);
}

function isOurs(value: unknown): value is { version: 1 | 2 } {
  return typeof value === "object" && value !== null && "version" in value &&
    (value.version === 1 || value.version === 2);
}

/**
 * Changes the index: `change` gets the images as they are and returns them as they shall be; a new image,
 * and one of which more changes than an entry says, whole.
 * What it does is durable when this returns; of two at once, one waits.
 */
export function updateImages(
  dataRoot: string,
  change: (images: ImageEntry[]) => (ImageEntry | StoredImage)[],
): void {
  const { imagesLock } = storePaths(dataRoot);
  withLock(imagesLock, () => writeIndex(dataRoot, change(verifiedEntries(dataRoot))));
}

/** Puts an index in the place of one that cannot be read. What it does is durable when this returns. */
export function replaceIndex(dataRoot: string, after: readonly (ImageEntry | StoredImage)[]): void {
  withLock(storePaths(dataRoot).imagesLock, () => writeIndex(dataRoot, after));
}

/** The caller holds images.lock. */
function writeIndex(dataRoot: string, after: readonly (ImageEntry | StoredImage)[]): void {
  writeImages(dataRoot, after.filter(isWhole));
  const images = after.map(entryOf);
  const file: IndexFile = { version: 2, images, sum: sumOf(images) };
  const text = `${JSON.stringify(file)}\n`;
  replaceWithRoom(dataRoot, text);
  writeCopy(indexCopy(dataRoot), text);
  sweepRecords(dataRoot, after);
}

/** On a full disk in the room of the copy: else no image could be removed to make room. */
function replaceWithRoom(dataRoot: string, text: string): void {
  const [path, copy] = [storePaths(dataRoot).images, indexCopy(dataRoot)];
  try {
    replaceFile(path, text);
  } catch (error) {
    if (!(error instanceof TsboxError) || error.code !== "no-space" || !exists(copy)) throw error;
    unlink(copy);
    replaceFile(path, text);
  }
}

/** Not waiting for the disk: of the two files, the other one is good then. */
function writeCopy(path: string, text: string): void {
  try {
    writeText(path, text, 0o600);
  } catch {
    // The disk is full, but the index is changed: that must not fail any more. No copy is better than half of one.
    if (exists(path)) unlink(path);
  }
}

/**
 * The image that `text` means: a name, `name@digest`, an id or an unambiguous beginning of one.
 * @throws TsboxError "invalid-argument" when `text` can be none of these, or begins several ids
 */
export function findImage(dataRoot: string, text: string): StoredImage | undefined {
  const entry = findImageIn(listEntries(dataRoot), text);
  return entry === undefined ? undefined : wholeImage(dataRoot, entry);
}

/** {@link findImage} in a list that was read before. Pure. */
export function findImageIn<T extends ImageEntry>(
  images: readonly T[],
  text: string,
): T | undefined {
  if (text.startsWith("sha256:")) return byIdPrefix(images, text);
  const hit = byPlainName(images, text);
  if (hit !== undefined) return hit;
  if (/^[0-9a-f]{64}$/.test(text)) return byIdPrefix(images, text);
  return byName(images, text) ?? byIdPrefix(images, text);
}

/**
 * Puts in front and behind what docker leaves out. What the names of images contain was checked when they
 * were stored: a text that becomes one of them needs no check, and most runs need no parser.
 */
function byPlainName<T extends ImageEntry>(images: readonly T[], text: string): T | undefined {
  const slash = text.indexOf("/");
  const registry = slash < 0 ? "" : text.slice(0, slash);
  const hasRegistry = registry === "localhost" || registry.includes(".") || registry.includes(":");
  const name = hasRegistry ? text : slash < 0 ? `docker.io/library/${text}` : `docker.io/${text}`;
  const canonical = text.includes(":", slash + 1) ? name : `${name}:latest`;
  for (const image of images) if (image.names.includes(canonical)) return image;
  return undefined;
}

function byName<T extends ImageEntry>(images: readonly T[], text: string): T | undefined {
  const reference = parseReference(text);
  if (reference.digest === undefined) {
    return images.find((image) => image.names.includes(reference.canonical));
  }
  const wanted = `${reference.name}@${reference.digest}`;
  return images.find((image) => image.digests.includes(wanted));
}

function byIdPrefix<T extends ImageEntry>(images: readonly T[], text: string): T | undefined {
  if (!/^(sha256:)?[0-9a-f]{1,64}$/.test(text)) return undefined;
  const prefix = text.startsWith("sha256:") ? text : `sha256:${text}`;
  const hits = images.filter((image) => image.id.startsWith(prefix));
  if (hits.length < 2) return hits[0];
  throw new TsboxError(
    "invalid-argument",
    `Cannot tell which image "${text}" is: it begins several ids`,
    {
      hint: "write more of the id",
    },
  );
}
