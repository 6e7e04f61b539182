/** The media types of images: what tsbox reads, and by name what it knows and refuses. */
import { TsboxError } from "../errors.ts";

export const INDEX_TYPES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

const SCHEMA1_TYPES: readonly string[] = [
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/** Old pushers wrote `application/octet-stream`; docker reads these images still. */
const CONFIG_TYPES: readonly string[] = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
  "application/octet-stream",
];

export type LayerCompression = "none" | "gzip" | "zstd";

const LAYER_TYPES: Record<string, LayerCompression> = {
  "application/vnd.oci.image.layer.v1.tar": "none",
  "application/vnd.oci.image.layer.v1.tar+gzip": "gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd": "zstd",
  "application/vnd.docker.image.rootfs.diff.tar": "none",
  "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd",
};

/** The `Accept` header of a manifest request. */
export const MANIFEST_ACCEPT: string = [...INDEX_TYPES, ...MANIFEST_TYPES].join(", ");

/** A media type without parameters, in lower case; untrusted text is cut short for messages. */
export function bareMediaType(text: string): string {
  return (text.split(";")[0] ?? "").trim().toLowerCase().slice(0, 255);
}

/** Throws TsboxError("unsupported") when it is a manifest of the format docker retired in 2024. */
export function refuseSchema1(mediaType: string): void {
  if (!SCHEMA1_TYPES.includes(mediaType)) return;
  throw new TsboxError(
    "unsupported",
    `Cannot use the image: docker image format v1 and manifest version 2, schema 1 (${mediaType}) are not supported`,
    { hint: "ask its owner to push it again with a current docker" },
  );
}

/**
 * How a layer is compressed.
 * @throws TsboxError("unsupported") for foreign, encrypted and unknown layers, by name
 */
export function layerCompression(mediaType: string): LayerCompression {
  const bare = bareMediaType(mediaType);
  const known = Object.hasOwn(LAYER_TYPES, bare) ? LAYER_TYPES[bare] : undefined;
  if (known !== undefined) return known;
  const printable = printableType(bare);
  if (bare.endsWith("+encrypted")) {
    throw refused(`it is encrypted (${printable})`);
  }
  if (bare.includes(".rootfs.foreign.") || bare.includes(".layer.nondistributable.")) {
    throw refused(`it is a foreign layer, not distributed by the registry (${printable})`);
  }
  throw refused(`its media type ${printable} is unknown`);
}

/** Throws TsboxError("unsupported") when a manifest's config says that it is no image. */
export function requireImageConfigType(mediaType: string): void {
  const bare = bareMediaType(mediaType);
  if (CONFIG_TYPES.includes(bare)) return;
  throw new TsboxError(
    "unsupported",
    `Cannot use the artifact: its config is ${printableType(bare)}, it is not a container image`,
  );
}

/** Untrusted text inside a one-line message. */
export function printableType(mediaType: string): string {
  return mediaType === "" ? '""' : mediaType.replace(/[^\x21-\x7e]/g, "?").slice(0, 120);
}

function refused(why: string): TsboxError {
  return new TsboxError("unsupported", `Cannot use a layer of the image: ${why}`);
}
