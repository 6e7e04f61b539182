/**
 * What is known of one image, in a file of its own: so that finding one of a thousand reads two small files.
 * Its names are in the image index, which alone says whether the image is there.
 */
import { ERRNO } from "../ffi/errno.ts";
import { listDirectory } from "../ffi/listing.ts";
import { ensureDirectory, isErrno, readText, rename, unlink } from "../ffi/quick_files.ts";
import { digestHex, isDigest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image_config.ts";
import type { Platform } from "../oci/platform.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { storePaths } from "./layout.ts";
import { syncDirectory, writeDurably } from "./replace_file.ts";

/** A layer as the manifest and the config name it. */
export interface StoredLayer {
  /** Of the blob as received. */
  digest: string;
  /** Of the uncompressed tar. */
  diffID: string;
  mediaType: string;
  /** Bytes as received. */
  size: number;
}

/** What the index says of an image: enough to find it and to list it. */
export interface ImageEntry {
  /** Digest of the config, `sha256:...`. */
  id: string;
  /** Canonical `registry/repository:tag`; an image without any is dangling. */
  names: string[];
  /** `registry/repository@sha256:...`: what was asked for, so the index when there is one. */
  digests: string[];
  /** RFC 3339; empty when the config does not say. */
  created: string;
  /** Bytes of all layers, unpacked. */
  size: number;
  /** When it got a name here, other than by a pull; RFC 3339. */
  tagged?: string;
}

/** An image whose layers are all unpacked. */
export interface StoredImage extends ImageEntry {
  manifestDigest: string;
  /** Of the index or manifest list the manifest was chosen from. */
  indexDigest?: string;
  platform: Platform;
  /** Without its history, which is long: that is in the config's blob. */
  config: ImageConfig;
  /** Names of its unpacked layers, base first. */
  chainIDs: string[];
  /** Some owners could not be set, because only one id was mapped when it was unpacked. */
  ownersLost: boolean;
  layers: StoredLayer[];
}

/** The part of an image that its record holds. */
type ImageRecord = Omit<StoredImage, keyof ImageEntry>;

function recordPath(dataRoot: string, id: string): string {
  if (isDigest(id)) return `${storePaths(dataRoot).imageRecords}/${digestHex(id)}.json`;
  // An id becomes a file name, so it must be nothing but a digest.
  throw new TsboxError("corrupt", `Cannot find the image ${JSON.stringify(id)}: not a digest`);
}

/** Whether more is known than the index says. */
export function isWhole(image: ImageEntry | StoredImage): image is StoredImage {
  return "config" in image;
}

/** The fields of an image that the index holds, and no others. */
export function entryOf({ id, names, digests, created, size, tagged }: ImageEntry): ImageEntry {
  return { id, names, digests, created, size, ...(tagged !== undefined && { tagged }) };
}

/**
 * The image of an entry; undefined when it has no record (any more).
 * @throws TsboxError "corrupt"
 */
export function readImage(dataRoot: string, entry: ImageEntry): StoredImage | undefined {
  if (isWhole(entry)) return entry;
  const path = recordPath(dataRoot, entry.id);
  try {
    const record: unknown = JSON.parse(readText(path));
    if (isRecord(record)) return { ...record, ...entry };
    throw new TsboxError("corrupt", "it is not an image's record");
  } catch (error) {
    if (isErrno(error, ERRNO.ENOENT)) return undefined;
    throw unreadable(path, messageOf(error), error);
  }
}

/** An image of the index has no record, or none that can be read. */
export function missingRecord(dataRoot: string, id: string): TsboxError {
  return unreadable(recordPath(dataRoot, id), "it is not there");
}

function unreadable(path: string, reason: string, cause?: unknown): TsboxError {
  return new TsboxError("corrupt", `Cannot read "${path}": ${reason}`, {
    cause,
    hint: "'tsbox system check --repair' makes it anew from what is there",
  });
}

/** We alone write these files, whole; a bit that has flipped on the disk can have taken a field away. */
function isRecord(value: unknown): value is ImageRecord {
  return typeof value === "object" && value !== null &&
    "config" in value && typeof value.config === "object" && value.config !== null &&
    "platform" in value && typeof value.platform === "object" && value.platform !== null &&
    "manifestDigest" in value && typeof value.manifestDigest === "string" &&
    "chainIDs" in value && Array.isArray(value.chainIDs) &&
    "layers" in value && Array.isArray(value.layers);
}

/** Writes the records of images, durably. The caller holds images.lock; the index comes afterwards. */
export function writeImages(dataRoot: string, images: readonly StoredImage[]): void {
  if (images.length === 0) return;
  const { imageRecords } = storePaths(dataRoot);
  ensureDirectory(imageRecords, 0o700);
  for (const image of images) {
    const entry = entryOf(image);
    const record = Object.fromEntries(Object.entries(image).filter(([key]) => !(key in entry)));
    const path = recordPath(dataRoot, image.id);
    writeDurably(`${path}.new`, JSON.stringify(record));
    rename(`${path}.new`, path);
  }
  syncDirectory(imageRecords);
}

/** Deletes what no image of the index needs: of removed images, and of a writer that was killed. */
export function sweepRecords(dataRoot: string, entries: readonly ImageEntry[]): void {
  const { imageRecords } = storePaths(dataRoot);
  const known = new Set(entries.map(({ id }) => recordPath(dataRoot, id)));
  for (const { name } of namesIn(imageRecords)) {
    const path = `${imageRecords}/${name}`;
    if (!known.has(path)) unlink(path);
  }
}

function namesIn(path: string): { name: string }[] {
  try {
    return listDirectory(path);
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return [];
    throw thrown;
  }
}
