/** Manifest lists that a user puts together from images, as `docker manifest` makes them. Pure. */
import type { Digest } from "./digest.ts";
import { MAX_CONFIG_SIZE } from "./manifest.ts";
import { readJson } from "./json_reader.ts";

/** A platform as documents write it, in their order of fields. */
export interface ListedPlatform {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
}

/** An image of a list. */
export interface ListedImage {
  /** Canonical: what it was looked up by. */
  name: string;
  descriptor: { mediaType: string; digest: Digest; size: number; platform: ListedPlatform };
  /** The manifest itself. */
  raw: Uint8Array;
}

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** The pairs that docker takes. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  darwin: "386 amd64 arm arm64",
  dragonfly: "amd64",
  freebsd: "386 amd64 arm",
  linux: "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
  netbsd: "386 amd64 arm",
  openbsd: "386 amd64 arm",
  plan9: "386 amd64",
  solaris: "amd64",
  windows: "386 amd64 arm arm64",
};

/** Whether an operating system runs on an architecture. */
export function isKnownPlatform({ os, architecture }: ListedPlatform): boolean {
  if (!Object.hasOwn(ARCHITECTURES, os)) return false;
  return ARCHITECTURES[os]?.split(" ").includes(architecture) ?? false;
}

/**
 * The platform an image says it is for, whatever that is.
 * @throws TsboxError "corrupt", "limit-exceeded"
 */
export function platformOfConfig(bytes: Uint8Array): ListedPlatform {
  const json = readJson(bytes, "image config", MAX_CONFIG_SIZE);
  const version = json.optionalString("os.version");
  const features = json.optionalStrings("os.features") ?? [];
  const variant = json.optionalString("variant");
  return {
    architecture: json.optionalString("architecture") ?? "",
    os: json.optionalString("os") ?? "",
    ...(version && { "os.version": version }),
    ...(features.length > 0 && { "os.features": features }),
    ...(variant && { variant }),
  };
}

/** The list as it is pushed and shown: docker's very bytes, so that digests are the same. */
export function listDocument(
  images: readonly Pick<ListedImage, "descriptor">[],
): { mediaType: string; bytes: Uint8Array } {
  const isOci = images[0]?.descriptor.mediaType === OCI_MANIFEST;
  const mediaType = isOci ? OCI_INDEX : DOCKER_LIST;
  const manifests = images.map(({ descriptor: { mediaType, size, digest, platform } }) => ({
    mediaType,
    size,
    digest,
    platform: ordered(platform),
  }));
  const text = JSON.stringify({ schemaVersion: 2, mediaType, manifests }, null, 3);
  return { mediaType, bytes: new TextEncoder().encode(text) };
}

function ordered(platform: ListedPlatform): ListedPlatform {
  const { architecture, os, variant } = platform;
  const [version, features] = [platform["os.version"], platform["os.features"]];
  return {
    architecture,
    os,
    ...(version !== undefined && { "os.version": version }),
    ...(features !== undefined && { "os.features": features }),
    ...(variant !== undefined && { variant }),
  };
}

/** What is to be changed of a platform; empty texts change nothing. */
export interface PlatformChange {
  os?: string | undefined;
  architecture?: string | undefined;
  variant?: string | undefined;
  osVersion?: string | undefined;
  /** Added to those there are. */
  osFeatures?: readonly string[];
}

export function changedPlatform(before: ListedPlatform, change: PlatformChange): ListedPlatform {
  const { os, architecture, variant, osVersion, osFeatures = [] } = change;
  const features = [...new Set([...before["os.features"] ?? [], ...osFeatures])];
  return ordered({
    ...before,
    ...(os && { os }),
    ...(architecture && { architecture }),
    ...(variant && { variant }),
    ...(osVersion && { "os.version": osVersion }),
    ...(features.length > 0 && { "os.features": features }),
  });
}
