/** What a push has to bring to the registry. Reads the store, changes nothing. */
import { TsboxError } from "../../errors.ts";
import { isDigest } from "../../oci/digest.ts";
import { parseImageConfig } from "../../oci/image_config.ts";
import { type Descriptor, type Index, type Manifest, parseManifest } from "../../oci/manifest.ts";
import { formatPlatform, parsePlatform, platformFits } from "../../oci/platform.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";
import { hasBlob } from "../../storage/content_store.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import { readDocument, type StoredContents } from "../archive/stored_contents.ts";

/** A manifest or index as it is stored. */
export interface Document {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

/** One image of one platform. */
export interface PlannedImage {
  manifest: Document;
  config: Descriptor;
  /** From the bottom, each with the digest of its tar. */
  layers: { descriptor: Descriptor; diffID: string }[];
}

export interface PushPlan {
  /** What the tag shall mean. */
  top: Document;
  /** Their manifests go before the index, by digest; for a single image it is the top itself. */
  images: PlannedImage[];
  /** The index the image came from, of which the store has not everything. */
  incomplete?: string;
}

/**
 * Everything the image's name stands for: the index it came from when all of it is in the store, else the
 * image alone.
 * @param own the image as it is to be pushed
 * @param alone the user named a platform: no index, as with docker
 */
export function planPush(
  dataRoot: string,
  image: StoredImage,
  own: PlannedImage,
  alone: boolean,
): PushPlan {
  const single: PushPlan = { top: own.manifest, images: [own] };
  const { indexDigest } = image;
  if (alone || indexDigest === undefined || !isDigest(indexDigest)) return single;
  if (!hasBlob(dataRoot, indexDigest)) return { ...single, incomplete: indexDigest };
  const bytes = readDocument(dataRoot, indexDigest);
  const index = parseManifest(bytes, "");
  if (index.kind !== "index") return single;
  const images = index.manifests.map((entry) => wholeImage(dataRoot, entry));
  const whole = images.filter((image) => image !== undefined);
  if (whole.length < images.length) return { ...single, incomplete: indexDigest };
  const descriptor = { mediaType: index.mediaType, digest: indexDigest, size: bytes.length };
  return { top: { descriptor, bytes }, images: whole };
}

/** The image as its own manifest has it, whether its layers are there or not; undefined without a manifest. */
export function ownContents(dataRoot: string, image: StoredImage): StoredContents | undefined {
  const { manifestDigest: digest } = image;
  if (!isDigest(digest) || !hasBlob(dataRoot, digest)) return undefined;
  const bytes = readDocument(dataRoot, digest);
  const parsed = parseManifest(bytes, "");
  if (parsed.kind === "index") return undefined;
  const { mediaType, config, layers } = parsed;
  const descriptor = { mediaType, digest, size: bytes.length };
  return { image, manifest: { descriptor, bytes }, config, layers };
}

/** The image of an index's entry, when the store has every byte of it. */
function wholeImage(
  dataRoot: string,
  entry: Index["manifests"][number],
): PlannedImage | undefined {
  if (!hasBlob(dataRoot, entry.digest)) return undefined;
  const bytes = readDocument(dataRoot, entry.digest);
  const parsed = parsedImage(bytes, entry.mediaType);
  if (parsed === undefined) return undefined;
  const { config, layers } = parsed;
  if (![config, ...layers].every(({ digest }) => hasBlob(dataRoot, digest))) return undefined;
  const { diffIds } = parseImageConfig(readDocument(dataRoot, config.digest));
  const { mediaType, digest, size } = entry;
  return {
    manifest: { descriptor: { mediaType, digest, size }, bytes },
    config,
    layers: layers.map((descriptor, i) => ({ descriptor, diffID: diffIds[i] ?? "" })),
  };
}

/** Attestations and other artifacts are no images, and never in the store as a whole. */
function parsedImage(bytes: Uint8Array, mediaType: string): Manifest | undefined {
  try {
    const parsed = parseManifest(bytes, mediaType);
    return parsed.kind === "manifest" ? parsed : undefined;
  } catch (error) {
    if (error instanceof TsboxError && error.code === "unsupported") return undefined;
    throw error;
  }
}

/**
 * The image of a platform among those that came with the same index as `image`.
 * @throws TsboxError "not-found" in docker's words
 */
export function imageForPlatform(
  images: readonly StoredImage[],
  image: StoredImage,
  wanted: string,
  reference: Reference,
): StoredImage {
  const platform = parsePlatform(wanted);
  const siblings = images.filter(({ indexDigest }) =>
    indexDigest !== undefined && indexDigest === image.indexDigest
  );
  const found = [image, ...siblings].find((one) => platformFits(one.platform, platform));
  if (found !== undefined) return found;
  throw new TsboxError(
    "not-found",
    `image with reference ${reference.familiar} was found but does not provide the specified platform (${
      formatPlatform(platform)
    })`,
  );
}

/**
 * Repositories of the reference's registry where images with the same layers were pulled from or pushed
 * to, by layer digest; those that are nearest to the reference's first. That is what the index
 * remembers of where blobs came from.
 */
export function mountSources(
  images: readonly StoredImage[],
  { registry, repository }: Reference,
): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const image of images) {
    const repositories = image.digests.map((text) => parseReference(text))
      .filter((other) => other.registry === registry && other.repository !== repository)
      .map((other) => other.repository);
    for (const { digest } of image.layers) {
      const known = found.get(digest) ?? new Set();
      for (const name of repositories) known.add(name);
      found.set(digest, known);
    }
  }
  const near = (a: string, b: string) => nearness(b, repository) - nearness(a, repository);
  return new Map([...found].map(([digest, names]) => [digest, [...names].sort(near)]));
}

/** Leading path components in common: whoever may write here may most likely read there. */
function nearness(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")];
  const differing = left.findIndex((part, i) => part !== right[i]);
  return differing < 0 ? left.length : differing;
}
