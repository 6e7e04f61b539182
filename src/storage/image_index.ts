/**
 * The image index: what every image is called and what `run` needs of it, in one small JSON file.
 *
 * Read on the path of every `run`, so one read and one parse; replaced as a whole by rename(2) under a lock.
 */
import { ERRNO } from "../ffi/errno.ts";
import { isErrno, readText } from "../ffi/quick_files.ts";
import { parseReference } from "../oci/reference.ts";
import type { ImageConfig } from "../oci/image_config.ts";
import type { Platform } from "../oci/platform.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { storePaths } from "./layout.ts";
import { withLock } from "./lock.ts";
import { replaceFile } from "./replace_file.ts";

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

/** An image whose layers are all unpacked. */
export interface StoredImage {
  /** Digest of the config, `sha256:...`. */
  id: string;
  manifestDigest: string;
  /** Of the index or manifest list the manifest was chosen from. */
  indexDigest?: string;
  /** Canonical `registry/repository:tag`; an image without any is dangling. */
  names: string[];
  /** `registry/repository@sha256:...`: what was asked for, so the index when there is one. */
  digests: string[];
  /** RFC 3339; empty when the config does not say. */
  created: string;
  /** Bytes of all layers, unpacked. */
  size: number;
  platform: Platform;
  /** Without its history, which is long: that is in the config's blob. */
  config: ImageConfig;
  /** Names of its unpacked layers, base first. */
  chainIDs: string[];
  /** Some owners could not be set, because only one id was mapped when it was unpacked. */
  ownersLost: boolean;
  layers: StoredLayer[];
}

interface IndexFile {
  version: 1;
  images: StoredImage[];
}

/**
 * All images, in the order they came.
 * @throws TsboxError "corrupt" when the index cannot be read, "unsupported" when a newer tsbox wrote it
 */
export function listImages(dataRoot: string): StoredImage[] {
  const path = storePaths(dataRoot).images;
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (isErrno(error, ERRNO.ENOENT)) return [];
    throw new TsboxError("host", `Cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
  return decode(path, text);
}

function decode(path: string, text: string): StoredImage[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new TsboxError("corrupt", `Cannot read "${path}": ${messageOf(error)}`, {
      cause: error,
      hint: "remove it and pull the images again; their layers are still there",
    });
  }
  if (isIndexFile(file)) return file.images;
  throw new TsboxError("unsupported", `Cannot read "${path}": another version of tsbox wrote it`, {
    hint: "use that version, or another --data-root",
  });
}

/** We alone write this file, whole: its version vouches for the shape of its images. */
function isIndexFile(value: unknown): value is IndexFile {
  return typeof value === "object" && value !== null && "version" in value &&
    value.version === 1 && "images" in value && Array.isArray(value.images);
}

/**
 * Changes the index: `change` gets the images as they are and returns them as they shall be.
 * What it does is durable when this returns; of two at once, one waits.
 */
export function updateImages(
  dataRoot: string,
  change: (images: StoredImage[]) => StoredImage[],
): void {
  const { images, imagesLock } = storePaths(dataRoot);
  withLock(imagesLock, () => {
    const file: IndexFile = { version: 1, images: change(listImages(dataRoot)) };
    replaceFile(images, `${JSON.stringify(file)}\n`);
  });
}

/**
 * The image that `text` means: a name, `name@digest`, an id or an unambiguous beginning of one.
 * @throws TsboxError "invalid-argument" when `text` can be none of these, or begins several ids
 */
export function findImage(dataRoot: string, text: string): StoredImage | undefined {
  return findImageIn(listImages(dataRoot), text);
}

/** {@link findImage} in a list that was read before. Pure. */
export function findImageIn(images: readonly StoredImage[], text: string): StoredImage | undefined {
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
function byPlainName(images: readonly StoredImage[], text: string): StoredImage | undefined {
  const slash = text.indexOf("/");
  const registry = text.slice(0, Math.max(slash, 0));
  const hasRegistry = registry === "localhost" || registry.includes(".") || registry.includes(":");
  const name = hasRegistry ? text : slash < 0 ? `docker.io/library/${text}` : `docker.io/${text}`;
  const canonical = text.includes(":", slash + 1) ? name : `${name}:latest`;
  for (const image of images) if (image.names.includes(canonical)) return image;
  return undefined;
}

function byName(images: readonly StoredImage[], text: string): StoredImage | undefined {
  const reference = parseReference(text);
  if (reference.digest === undefined) {
    return images.find((image) => image.names.includes(reference.canonical));
  }
  const wanted = `${reference.name}@${reference.digest}`;
  return images.find((image) => image.digests.includes(wanted));
}

function byIdPrefix(images: readonly StoredImage[], text: string): StoredImage | undefined {
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
