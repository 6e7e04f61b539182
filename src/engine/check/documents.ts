/** Images as the blobs themselves tell of them: what the index and its records are made anew from. */
import { readFileSync, statSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import { isDigest } from "../../oci/digest.ts";
import { parseImageConfig } from "../../oci/image_config.ts";
import { MAX_MANIFEST_SIZE, parseManifest } from "../../oci/manifest.ts";
import { normalizePlatform } from "../../oci/platform.ts";
import { blobPath, listBlobs } from "../../storage/content_store.ts";
import type { CheckedImage } from "../pull/register.ts";

/** Every image whose manifest and config are among the good blobs, by its id; the first of several manifests. */
export function imagesInBlobs(
  dataRoot: string,
  good: ReadonlySet<string>,
): Map<string, CheckedImage> {
  const found = new Map<string, CheckedImage>();
  for (const { digest, path } of listBlobs(dataRoot)) {
    if (!good.has(digest) || (statSync(path).size > MAX_MANIFEST_SIZE)) continue;
    const bytes = readFileSync(path);
    // An opening brace: all others are layers.
    if (bytes[0] !== 0x7b) continue;
    try {
      const image = imageOf(dataRoot, good, bytes, digest);
      if (image !== undefined && !found.has(image.manifest.config.digest)) {
        found.set(image.manifest.config.digest, image);
      }
    } catch (error) {
      // A config, or a document of another kind.
      if (!(error instanceof TsboxError)) throw error;
    }
  }
  return found;
}

function imageOf(
  dataRoot: string,
  good: ReadonlySet<string>,
  bytes: Uint8Array,
  digest: string,
): CheckedImage | undefined {
  if (!isDigest(digest)) return undefined;
  const manifest = parseManifest(bytes, "");
  if (manifest.kind !== "manifest" || !good.has(manifest.config.digest)) return undefined;
  const configBytes = readFileSync(blobPath(dataRoot, manifest.config.digest));
  const config = parseImageConfig(configBytes);
  if (config.diffIds.length !== manifest.layers.length) return undefined;
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
