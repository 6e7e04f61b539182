/** Blobs that the store has lost of layers that it has: an image without them can be neither pushed nor saved. */
import { isDigest } from "../../oci/digest.ts";
import { hasBlob } from "../../storage/content_store.ts";
import { listImages } from "../../storage/image_index.ts";
import type { LayerWork, WantedLayer } from "./work.ts";

/**
 * Whether a registry is to be asked for the blob of a layer that is unpacked. Not when another image has brought
 * the layer in another form, which serves as well.
 */
export function lacksBlob(
  { descriptor, diffID }: WantedLayer,
  { dataRoot, source }: LayerWork,
): boolean {
  if (source.kind === "files" || hasBlob(dataRoot, descriptor.digest)) return false;
  const forms = listImages(dataRoot).flatMap(({ layers }) => layers)
    .filter((layer) => layer.diffID === diffID);
  return !forms.some(({ digest }) => isDigest(digest) && hasBlob(dataRoot, digest));
}
