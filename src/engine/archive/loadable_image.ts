/** An image of an archive: its documents, and where the content of its layers is. */
import { TsboxError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../../oci/image_config.ts";
import type { Manifest } from "../../oci/manifest.ts";
import {
  formatPlatform,
  normalizePlatform,
  type Platform,
  platformFits,
} from "../../oci/platform.ts";
import { parseReference } from "../../oci/reference.ts";
import type { CheckedImage } from "../pull/register.ts";
import type { SpooledFile } from "./spool.ts";

export interface LoadableImage extends CheckedImage {
  /** Canonical `registry/repository:tag`. */
  names: string[];
  /** What is not in the store yet, by digest: layers. */
  files: ReadonlyMap<Digest, SpooledFile>;
}

/**
 * Checks that the parts of an image fit each other.
 * @throws TsboxError "corrupt", "unsupported", or "not-found" when it is not for the platform asked for
 */
export function loadableImage(parts: {
  names: readonly string[];
  manifest: Manifest;
  manifestDocument: LoadableImage["manifestDocument"];
  configBytes: Uint8Array;
  files: ReadonlyMap<Digest, SpooledFile>;
  wanted: Platform | undefined;
}): LoadableImage {
  const { manifest, configBytes, wanted } = parts;
  const config = parseImageConfig(configBytes);
  if (config.diffIds.length !== manifest.layers.length) {
    throw new TsboxError(
      "corrupt",
      `Cannot load the image ${manifest.config.digest}: it has ${manifest.layers.length} layers, its config ${config.diffIds.length}`,
    );
  }
  const platform = platformOf(config);
  if (wanted !== undefined && !platformFits(platform, wanted)) {
    throw wrongPlatform(parts.names[0] ?? manifest.config.digest, platform, wanted);
  }
  const { manifestDocument, files } = parts;
  const names = [...new Set(parts.names)];
  return { names, manifest, manifestDocument, config, configBytes, platform, files };
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return normalizePlatform({ os, architecture, ...(variant && { variant }) });
}

function wrongPlatform(name: string, found: Platform, wanted: Platform): TsboxError {
  return new TsboxError(
    "not-found",
    `image ${name} of the archive is for ${formatPlatform(found)}, not for ${
      formatPlatform(wanted)
    }`,
  );
}

/** A name an archive gives, in full. @throws TsboxError "invalid-argument" when it is none, or has a digest */
export function archivedName(text: string): string {
  const reference = parseReference(text);
  if (reference.digest === undefined) return reference.canonical;
  throw new TsboxError(
    "invalid-argument",
    `Cannot load the archive: ${reference.familiar} is no name for an image, it has a digest`,
  );
}
