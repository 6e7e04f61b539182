/** Images as the blobs themselves tell of them: what the index and its records are made anew from. */
import { statSync } from "node:fs";
import { ERRNO } from "../../ffi/errno.ts";
import { isErrno, readBytes } from "../../ffi/quick_files.ts";
import { TsboxError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../../oci/image_config.ts";
import { type Index, type Manifest, MAX_MANIFEST_SIZE, parseManifest } from "../../oci/manifest.ts";
import { normalizePlatform } from "../../oci/platform.ts";
import { blobPath, listBlobs } from "../../storage/content_store.ts";
import type { ImageEntry } from "../../storage/image_index.ts";
import type { CheckedImage } from "../pull/register.ts";

/** The documents among the good blobs. */
export interface BlobDocuments {
  /** Images whose manifest and config are there, by their ids: one for each manifest. */
  images: ReadonlyMap<string, readonly CheckedImage[]>;
  /** What each index lists. */
  indexes: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Finds every document. */
export function documentsInBlobs(dataRoot: string, good: ReadonlySet<string>): BlobDocuments {
  const images = new Map<string, CheckedImage[]>();
  const indexes = new Map<string, Set<string>>();
  for (const { digest, path } of listBlobs(dataRoot)) {
    // Another command may have removed it since.
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? Infinity;
    if (!good.has(digest) || size > MAX_MANIFEST_SIZE) continue;
    const bytes = readIfThere(path);
    // An opening brace: all others are layers.
    if (bytes?.[0] !== 0x7b) continue;
    const manifest = parsed(bytes);
    if (manifest?.kind === "index") {
      indexes.set(digest, new Set(manifest.manifests.map((listed) => listed.digest)));
    } else if (manifest !== undefined) {
      const image = imageOf(dataRoot, good, manifest, { digest, bytes });
      const id = manifest.config.digest;
      if (image !== undefined) images.set(id, [...images.get(id) ?? [], image]);
    }
  }
  return { images, indexes };
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readBytes(path);
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return undefined;
    throw thrown;
  }
}

/** Undefined for a config, or a document of another kind. */
function parsed(bytes: Uint8Array): Manifest | Index | undefined {
  try {
    return parseManifest(bytes, "");
  } catch (error) {
    if (error instanceof TsboxError) return undefined;
    throw error;
  }
}

/**
 * The documents of an image, and the index it was chosen from: of several manifests one that it came by, if there is,
 * and of these one whose layers are there.
 */
export function documentsOf(
  { id, digests }: Pick<ImageEntry, "id" | "digests">,
  { images, indexes }: BlobDocuments,
  good: ReadonlySet<string>,
): { image: CheckedImage; indexDigest?: string } | undefined {
  const wanted = digests.map((name) => name.slice(name.indexOf("@") + 1));
  const found = (images.get(id) ?? []).map((image) => {
    const { digest } = image.manifestDocument.descriptor;
    const indexDigest = wanted.find((one) => indexes.get(one)?.has(digest));
    const came = wanted.includes(digest) || indexDigest !== undefined;
    const rank = (came ? 2 : 0) + (hasLayers(image, good) ? 1 : 0);
    return { rank, image, ...(indexDigest !== undefined && { indexDigest }) };
  });
  return found.sort((a, b) => b.rank - a.rank)[0];
}

/** Whether the blobs of all layers are among the good ones. Pure. */
export function hasLayers({ manifest }: CheckedImage, good: ReadonlySet<string>): boolean {
  return manifest.layers.every(({ digest }) => good.has(digest));
}

function imageOf(
  dataRoot: string,
  good: ReadonlySet<string>,
  manifest: Manifest,
  { digest, bytes }: { digest: Digest; bytes: Uint8Array },
): CheckedImage | undefined {
  if (!good.has(manifest.config.digest)) return undefined;
  const configBytes = readIfThere(blobPath(dataRoot, manifest.config.digest));
  if (configBytes === undefined) return undefined;
  const config = parsedConfig(configBytes);
  if (config?.diffIds.length !== manifest.layers.length) return undefined;
  const { os, architecture, variant } = config;
  return {
    manifest,
    manifestDocument: {
      descriptor: { mediaType: manifest.mediaType, digest, size: bytes.length },
      bytes,
    },
    config,
    configBytes,
    platform: normalizePlatform({ os, architecture, ...(variant !== undefined && { variant }) }),
  };
}

function parsedConfig(bytes: Uint8Array): ImageConfig | undefined {
  try {
    return parseImageConfig(bytes);
  } catch (error) {
    if (error instanceof TsboxError) return undefined;
    throw error;
  }
}
