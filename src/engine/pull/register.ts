/** Puts a pulled image into the index, under the name it was asked for. */
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
  const { top, manifest, manifestDocument } = remote;
  storeBlob(dataRoot, top.descriptor.digest, top.bytes);
  storeBlob(dataRoot, manifestDocument.descriptor.digest, manifestDocument.bytes);
  storeBlob(dataRoot, manifest.config.digest, remote.configBytes);
  syncNames(dataRoot);
  let image = describe(reference, remote, records);
  let newer = true;
  updateImages(dataRoot, (images) => {
    const known = images.find((other) => other.id === image.id);
    newer = !isNamed(known, reference, image);
    image = known === undefined ? image : merged(dataRoot, known, image);
    return [
      ...images.filter((other) => other !== known).map((o) => withoutNames(o, image.names)),
      image,
    ];
  });
  return { image, newer };
}

function describe(
  reference: Reference,
  remote: RemoteImage,
  records: readonly LayerRecord[],
): StoredImage {
  const { top, manifest, manifestDocument, config, platform } = remote;
  const manifestDigest = manifestDocument.descriptor.digest;
  const topDigest = top.descriptor.digest;
  // What was asked for by its digest gets no name: docker's rule, also when a tag was beside it.
  const named = reference.digest === undefined;
  return {
    id: manifest.config.digest,
    manifestDigest,
    ...(topDigest !== manifestDigest && { indexDigest: topDigest }),
    names: named ? [reference.canonical] : [],
    digests: [`${reference.name}@${topDigest}`],
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
