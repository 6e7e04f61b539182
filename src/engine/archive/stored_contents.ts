/** The documents and blobs of an image as they are in the store: what an archive or a registry is given. */
import { readFileSync, statSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import { type Digest, digestAlgorithm, digestOf, isDigest } from "../../oci/digest.ts";
import { type Descriptor, parseManifest } from "../../oci/manifest.ts";
import { blobPath, hasBlob } from "../../storage/content_store.ts";
import type { StoredImage, StoredLayer } from "../../storage/image_index.ts";

/** An image whose every byte is there. */
export interface StoredContents {
  image: StoredImage;
  manifest: { descriptor: Descriptor; bytes: Uint8Array };
  config: Descriptor;
  /** From the bottom. */
  layers: Descriptor[];
}

/**
 * Finds everything that belongs to an image. A layer that was never fetched in the form its manifest names,
 * because another image had brought it in another one, is taken in that form; the manifest is
 * made anew then, and the image's id and its layers' diff ids stay.
 * @param others all images of the store
 * @throws TsboxError "not-found" when a blob is not there in any form, "corrupt" when a document was changed
 */
export function storedContents(
  dataRoot: string,
  image: StoredImage,
  others: readonly StoredImage[],
): StoredContents {
  const exact = contentsByManifest(dataRoot, image);
  if (exact !== undefined) return exact;
  const layers = image.layers.map((layer) => availableLayer(dataRoot, image, layer, others));
  const config = configDescriptor(dataRoot, image);
  const manifest = makeManifest(config, layers);
  return { image, manifest, config, layers };
}

function contentsByManifest(dataRoot: string, image: StoredImage): StoredContents | undefined {
  if (!isDigest(image.manifestDigest) || !hasBlob(dataRoot, image.manifestDigest)) return undefined;
  const bytes = readDocument(dataRoot, image.manifestDigest);
  const manifest = parseManifest(bytes, "");
  if (manifest.kind !== "manifest") return undefined;
  if (!manifest.layers.every(({ digest }) => hasBlob(dataRoot, digest))) return undefined;
  const { mediaType, config, layers } = manifest;
  const descriptor = { mediaType, digest: image.manifestDigest, size: bytes.length };
  return { image, manifest: { descriptor, bytes }, config, layers };
}

/** The layer's own blob, or one of the same content that came with another image. */
function availableLayer(
  dataRoot: string,
  image: StoredImage,
  layer: StoredLayer,
  others: readonly StoredImage[],
): Descriptor {
  const same = others.flatMap((other) => other.layers)
    .filter(({ diffID }) => diffID === layer.diffID);
  for (const { digest, mediaType, size } of [layer, ...same]) {
    if (isDigest(digest) && hasBlob(dataRoot, digest)) {
      return { mediaType: ociLayerType(mediaType), digest, size };
    }
  }
  const [name = image.id] = image.names;
  throw new TsboxError(
    "not-found",
    `Cannot read the image ${name}: the store has its layer ${layer.digest} only unpacked`,
    { hint: "pull or load the image again" },
  );
}

function configDescriptor(dataRoot: string, image: StoredImage): Descriptor {
  const mediaType = "application/vnd.oci.image.config.v1+json";
  if (isDigest(image.id)) {
    const { length } = readDocument(dataRoot, image.id);
    return { mediaType, digest: image.id, size: length };
  }
  throw new TsboxError(
    "corrupt",
    `Cannot read the image ${JSON.stringify(image.id)}: not a digest`,
  );
}

/** Docker's media types and OCI's name the same formats; a manifest is to have one kind of them. */
function ociLayerType(mediaType: string): string {
  const suffix = /gzip$/.test(mediaType) ? "+gzip" : /zstd$/.test(mediaType) ? "+zstd" : "";
  return `application/vnd.oci.image.layer.v1.tar${suffix}`;
}

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

/** An OCI manifest; the same parts make the same bytes. Pure. */
export function makeManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
): StoredContents["manifest"] {
  const plain = ({ mediaType, digest, size }: Descriptor) => ({ mediaType, digest, size });
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: plain(config),
    layers: layers.map(plain),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const descriptor = { mediaType: MANIFEST_TYPE, digest: digestOf(bytes), size: bytes.length };
  return { descriptor, bytes };
}

/** A small blob, checked. @throws TsboxError "corrupt" when it is not what its name says, "not-found" */
export function readDocument(dataRoot: string, digest: Digest): Uint8Array {
  const path = blobPath(dataRoot, digest);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) throw missingBlob(digest);
  const bytes = readFileSync(path);
  if (digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes;
  throw changedBlob(digest);
}

/** A blob that should be there. */
export function missingBlob(digest: Digest): TsboxError {
  return new TsboxError("not-found", `Cannot read the blob ${digest}: the store does not have it`, {
    hint: "pull or load the image again",
  });
}

/** A blob of the store that is not what its name says. */
export function changedBlob(digest: Digest): TsboxError {
  return new TsboxError("corrupt", `Cannot use the blob ${digest}: its content was changed`, {
    hint: "'tsbox system check --repair' deletes it; then pull or load the image again",
  });
}
