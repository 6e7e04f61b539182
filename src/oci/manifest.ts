/** Image manifests and indexes (OCI image spec 1.1; docker schema 2), decoded from untrusted bytes. */
import { TsboxError } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import { type JsonReader, readJson } from "./json_reader.ts";
import {
  bareMediaType,
  INDEX_TYPES,
  type LayerCompression,
  layerCompression,
  MANIFEST_TYPES,
  printableType,
  refuseSchema1,
  requireImageConfigType,
} from "./media_types.ts";
import {
  formatPlatform,
  normalizePlatform,
  type Platform,
  platformsRunBy,
  samePlatform,
} from "./platform.ts";

/** Content that can be fetched and checked (descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes. */
  size: number;
  platform?: Platform;
}

export interface LayerDescriptor extends Descriptor {
  compression: LayerCompression;
}

/** One image. */
export interface Manifest {
  kind: "manifest";
  mediaType: string;
  config: Descriptor;
  /** From the bottom. */
  layers: LayerDescriptor[];
}

/** Images of one name for several platforms. */
export interface Index {
  kind: "index";
  mediaType: string;
  manifests: Descriptor[];
}

/** Bytes; what the distribution project's registry and docker allow. */
export const MAX_MANIFEST_SIZE = 4 * 1024 * 1024;
/** Bytes of an image config. */
export const MAX_CONFIG_SIZE = 8 * 1024 * 1024;
/** OVL_MAX_STACK of fs/overlayfs: more cannot be mounted. */
const MAX_LAYERS = 500;

/**
 * Decodes a manifest or an index.
 * @param mediaType what the registry or descriptor said it is; empty when it said nothing
 * @throws TsboxError("corrupt") when it is malformed or contradicts itself, TsboxError("unsupported")
 *   for schema 1, artifacts and refused layers, TsboxError("limit-exceeded") when it is too large
 */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest | Index {
  refuseSchema1(bareMediaType(mediaType));
  const json = readJson(bytes, "image manifest", MAX_MANIFEST_SIZE);
  const type = agreedType(json, bareMediaType(mediaType));
  if (json.has("manifests") && (json.has("layers") || json.has("config"))) {
    // CVE-2021-41190: one document must not be an image to one reader and an index to another.
    throw new TsboxError("corrupt", "Cannot use the manifest: it is an image and an index at once");
  }
  if (json.size("schemaVersion") !== 2) {
    throw new TsboxError("corrupt", "Cannot use the manifest: its schemaVersion is not 2");
  }
  return INDEX_TYPES.includes(type) ? readIndex(json, type) : readManifest(json, type);
}

/** What the document is: its own word and the registry's must not differ. */
function agreedType(json: JsonReader, told: string): string {
  if (json.has("fsLayers")) refuseSchema1("application/vnd.docker.distribution.manifest.v1+json");
  const own = bareMediaType(json.optionalString("mediaType") ?? "");
  refuseSchema1(own);
  const known = [...INDEX_TYPES, ...MANIFEST_TYPES];
  // Registries behind dumb file servers say text/plain or application/json: that tells nothing.
  const toldType = known.includes(told) ? told : "";
  if (own !== "" && toldType !== "" && own !== toldType) {
    throw new TsboxError(
      "corrupt",
      `Cannot use the manifest: it says it is ${printableType(own)}, the registry says ${toldType}`,
    );
  }
  const type = own || toldType || guessedType(json);
  if (known.includes(type)) return type;
  throw new TsboxError(
    "unsupported",
    `Cannot use the manifest: its media type ${printableType(type)} is unknown`,
  );
}

/** OCI documents may leave out their media type. */
function guessedType(json: JsonReader): string {
  return json.has("manifests")
    ? "application/vnd.oci.image.index.v1+json"
    : "application/vnd.oci.image.manifest.v1+json";
}

function readIndex(json: JsonReader, mediaType: string): Index {
  return { kind: "index", mediaType, manifests: json.objects("manifests").map(readDescriptor) };
}

function readManifest(json: JsonReader, mediaType: string): Manifest {
  const config = readDescriptor(json.object("config"));
  requireImageConfigType(config.mediaType);
  if (config.size > MAX_CONFIG_SIZE) {
    throw new TsboxError(
      "limit-exceeded",
      `The image config has ${config.size} bytes, more than ${MAX_CONFIG_SIZE}`,
    );
  }
  const layers = json.objects("layers").map(readLayer);
  if (layers.length > MAX_LAYERS) {
    throw new TsboxError(
      "limit-exceeded",
      `The image has ${layers.length} layers, more than ${MAX_LAYERS}`,
    );
  }
  return { kind: "manifest", mediaType, config, layers };
}

function readLayer(json: JsonReader): LayerDescriptor {
  const descriptor = readDescriptor(json);
  return { ...descriptor, compression: layerCompression(descriptor.mediaType) };
}

function readDescriptor(json: JsonReader): Descriptor {
  const digest = json.string("digest");
  if (!isDigest(digest)) {
    throw new TsboxError(
      "corrupt",
      `Cannot use the digest ${printableType(digest)} of the manifest`,
    );
  }
  const mediaType = bareMediaType(json.string("mediaType"));
  const platform = readPlatform(json.optionalObject("platform"));
  return { mediaType, digest, size: json.size("size"), ...(platform && { platform }) };
}

function readPlatform(json: JsonReader | undefined): Platform | undefined {
  const os = json?.optionalString("os");
  const architecture = json?.optionalString("architecture");
  if (os === undefined || architecture === undefined) return undefined;
  const variant = json?.optionalString("variant");
  return normalizePlatform({ os, architecture, ...(variant && { variant }) });
}

/**
 * The image of an index that a machine of `platform` runs best. Entries that are not images
 * (attestations, signatures: no or an unknown platform) are passed over.
 * @param name the image's, for the message
 * @throws TsboxError("not-found") in docker's words
 */
export function choosePlatform(index: Index, platform: Platform, name: string): Descriptor {
  const images = index.manifests.filter((entry) => MANIFEST_TYPES.includes(entry.mediaType));
  for (const candidate of platformsRunBy(platform)) {
    const found = images.find((entry) => entry.platform && samePlatform(entry.platform, candidate));
    if (found !== undefined) return found;
  }
  const only = images.length === 1 ? images[0] : undefined;
  if (only !== undefined && only.platform === undefined) return only;
  const offered = images.flatMap((entry) => entry.platform ? [formatPlatform(entry.platform)] : []);
  throw new TsboxError(
    "not-found",
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries of ${name}`,
    offered.length === 0
      ? {}
      : { hint: `it has ${printableType([...new Set(offered)].join(","))}` },
  );
}
