/** From what the user asked for to one image of one platform: manifest and config, checked. */
import { type ImageConfig, parseImageConfig } from "../../oci/image_config.ts";
import {
  choosePlatform,
  type Descriptor,
  type Manifest,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  parseManifest,
} from "../../oci/manifest.ts";
import {
  formatPlatform,
  normalizePlatform,
  type Platform,
  platformFits,
} from "../../oci/platform.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RegistryClient, Resolved } from "../../registry/registry_client.ts";
import { TsboxError } from "../../errors.ts";

/** An image as the registry has it; documents with the bytes that their digests are of. */
export interface RemoteImage {
  /** What the name stands for: the index, or the manifest itself. */
  top: Resolved;
  manifest: Manifest;
  manifestDocument: { descriptor: Descriptor; bytes: Uint8Array };
  config: ImageConfig;
  configBytes: Uint8Array;
  platform: Platform;
}

/** How documents are got. */
export interface Resolving {
  signal: AbortSignal;
  /** What the store has under this digest, checked: that is not asked for. `limit` is in bytes. */
  known(descriptor: Descriptor, limit: number): Uint8Array | undefined;
}

/**
 * @param wanted the platform to run it on @param isAsked the user named it, so nothing else will do
 * @throws TsboxError as RegistryClient, parseManifest, choosePlatform; "corrupt" when manifest and config
 *   do not fit each other
 */
export async function resolveImage(
  client: RegistryClient,
  reference: Reference,
  wanted: Platform,
  isAsked: boolean,
  resolving: Resolving,
): Promise<RemoteImage> {
  const { signal, known } = resolving;
  const top = await client.resolve(reference, { signal });
  const manifestDocument = await chosenManifest(client, reference, top, wanted, resolving);
  const { bytes, descriptor } = manifestDocument;
  const manifest = parseManifest(bytes, descriptor.mediaType);
  if (manifest.kind === "index") {
    throw new TsboxError(
      "unsupported",
      `Cannot pull ${reference.familiar}: its index lists an index`,
    );
  }
  const configBytes = known(manifest.config, MAX_CONFIG_SIZE) ??
    await client.config(reference, manifest.config, { signal });
  const config = parseImageConfig(configBytes);
  if (config.diffIds.length !== manifest.layers.length) {
    throw new TsboxError(
      "corrupt",
      `Cannot pull ${reference.familiar}: its manifest has ${manifest.layers.length} layers, its config ${config.diffIds.length}`,
    );
  }
  const platform = platformOf(config);
  if (isAsked && !platformFits(platform, wanted)) throw wrongPlatform(reference, platform, wanted);
  return { top, manifest, manifestDocument, config, configBytes, platform };
}

async function chosenManifest(
  client: RegistryClient,
  reference: Reference,
  top: Resolved,
  wanted: Platform,
  { signal, known }: Resolving,
): Promise<{ descriptor: Descriptor; bytes: Uint8Array }> {
  const parsed = parseManifest(top.bytes, top.descriptor.mediaType);
  if (parsed.kind === "manifest") return top;
  const descriptor = choosePlatform(parsed, wanted, reference.familiar);
  const bytes = known(descriptor, MAX_MANIFEST_SIZE) ??
    await client.manifest(reference, descriptor, { signal });
  return { descriptor, bytes };
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return normalizePlatform({ os, architecture, ...(variant && { variant }) });
}

/** Docker's words. */
function wrongPlatform(reference: Reference, found: Platform, wanted: Platform): TsboxError {
  return new TsboxError(
    "not-found",
    `image with reference ${reference.familiar} was found but its platform (${
      formatPlatform(found)
    }) does not match the specified platform (${formatPlatform(wanted)})`,
  );
}
