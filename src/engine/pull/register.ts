/** Puts an image that was pulled, loaded or made into the index, under its names. */
import { isDigest } from "../../oci/digest.ts";
import type { Reference } from "../../oci/reference.ts";
import { hasBlob, storeBlob, syncNames } from "../../storage/content_store.ts";
import {
  type ImageEntry,
  type StoredImage,
  updateImages,
  wholeImage,
} from "../../storage/image_index.ts";
import { chainIDs, type LayerRecord } from "../../storage/layers.ts";
import { withoutNames } from "../image_names.ts";
import type { RemoteImage } from "./resolve.ts";

/** An image whose documents were checked. */
export type CheckedImage = Omit<RemoteImage, "top">;

/** What an image is to be called: canonical `registry/repository:tag` and `registry/repository@digest`. */
export interface Naming {
  names: string[];
  digests: string[];
}

/**
 * The image as the index has it now, and whether the name meant another one before.
 * Everything it speaks of is on the disk before the index does.
 */
export function registerImage(
  dataRoot: string,
  reference: Reference,
  remote: RemoteImage,
  records: readonly LayerRecord[],
): { image: StoredImage; newer: boolean } {
  const { top, manifestDocument } = remote;
  storeBlob(dataRoot, top.descriptor.digest, top.bytes);
  storeDocuments(dataRoot, remote);
  const topDigest = top.descriptor.digest;
  // What was asked for by its digest gets no name: docker's rule, also when a tag was beside it.
  const named = reference.digest === undefined;
  const naming = {
    names: named ? [reference.canonical] : [],
    digests: [`${reference.name}@${topDigest}`],
  };
  const described = {
    ...describeImage(remote, naming, records),
    ...(topDigest !== manifestDocument.descriptor.digest && { indexDigest: topDigest }),
  };
  const { image, before } = putImage(dataRoot, described);
  const known = before.find(({ id }) => id === image.id);
  return { image, newer: !isNamed(known, reference, described) };
}

/** Stores the manifest and the config of an image; what the store has then is on the disk. */
export function storeDocuments(dataRoot: string, image: CheckedImage): void {
  const { manifest, manifestDocument, configBytes } = image;
  storeBlob(dataRoot, manifestDocument.descriptor.digest, manifestDocument.bytes);
  storeBlob(dataRoot, manifest.config.digest, configBytes);
  syncNames(dataRoot);
}

/**
 * Puts an image into the index, with the names and digests it had there and its new ones, which it takes from
 * others. Returns it as it is there, and what the index had before.
 */
export function putImage(
  dataRoot: string,
  described: StoredImage,
): { image: StoredImage; before: ImageEntry[] } {
  let before: ImageEntry[] = [];
  let image = described;
  updateImages(dataRoot, (images) => {
    before = images;
    const known = images.find((other) => other.id === image.id);
    image = known === undefined ? described : merged(dataRoot, known, described);
    return [
      ...images.filter((other) => other !== known).map((o) => withoutNames(o, image.names)),
      image,
    ];
  });
  return { image, before };
}

/** What the index is to know of an image. Pure. @param records of its layers, from the bottom */
export function describeImage(
  { manifest, manifestDocument, config, platform }: CheckedImage,
  { names, digests }: Naming,
  records: readonly LayerRecord[],
): StoredImage {
  return {
    id: manifest.config.digest,
    manifestDigest: manifestDocument.descriptor.digest,
    names,
    digests,
    created: config.created ?? "",
    size: records.reduce((sum, { size }) => sum + size, 0),
    platform,
    config: { ...config, history: [] },
    chainIDs: chainIDs(config.diffIds),
    ownersLost: records.some(({ ownersLost }) => ownersLost),
    layers: manifest.layers.map(({ digest, mediaType, size }, i) => ({
      digest,
      diffID: config.diffIds[i] ?? "",
      mediaType,
      size,
    })),
  };
}

function isNamed(
  known: ImageEntry | undefined,
  reference: Reference,
  image: ImageEntry,
): boolean {
  if (known === undefined) return false;
  const [digest = ""] = image.digests;
  return reference.digest === undefined
    ? known.names.includes(reference.canonical)
    : known.digests.includes(digest);
}

/** One image can have come by several names and in several indexes; it keeps them all. */
function merged(dataRoot: string, known: ImageEntry, image: StoredImage): StoredImage {
  return {
    ...wholeForm(dataRoot, known, image),
    ...(known.tagged !== undefined && { tagged: known.tagged }),
    names: [...new Set([...known.names, ...image.names])],
    digests: [...new Set([...known.digests, ...image.digests])],
  };
}

/**
 * Layers that were unpacked before are not fetched again, also when another manifest has them in another form:
 * then the manifest stays whose blobs are there, so that the image can be pushed and saved.
 */
function wholeForm(dataRoot: string, known: ImageEntry, image: StoredImage): StoredImage {
  const isThere = image.layers.every(({ digest }) => isDigest(digest) && hasBlob(dataRoot, digest));
  const before = isThere ? undefined : wholeImage(dataRoot, known);
  if (before === undefined) return image;
  const { indexDigest: _, ...rest } = image;
  const { manifestDigest, indexDigest, layers } = before;
  return { ...rest, manifestDigest, ...(indexDigest !== undefined && { indexDigest }), layers };
}
