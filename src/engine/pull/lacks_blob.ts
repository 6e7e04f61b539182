/** Blobs that the store has lost of layers that it has: an image without them can be neither pushed nor saved. */
import { isDigest } from "../../oci/digest.ts";
import { hasBlob } from "../../storage/content_store.ts";
import { listImages } from "../../storage/image_index.ts";
import type { LayerWork, WantedLayer } from "./work.ts";

/** The diff ids of which some image has a blob, in whatever form; looked up once, when somebody asks. */
export type StoredForms = () => ReadonlySet<string>;

/** Those of a store. */
export function storedForms(dataRoot: string): StoredForms {
  let found: ReadonlySet<string> | undefined;
  return () =>
    found ??= new Set(
      listImages(dataRoot).flatMap(({ layers }) => layers)
        .filter(({ digest }) => isDigest(digest) && hasBlob(dataRoot, digest))
        .map(({ diffID }) => diffID),
    );
}

/**
 * Whether a registry is to be asked for the blob of a layer that is unpacked. Not when another image has brought
 * the layer in another form, which serves as well.
 */
export function lacksBlob(
  { descriptor, diffID }: WantedLayer,
  { dataRoot, source, forms }: LayerWork & { forms: StoredForms },
): boolean {
  return source.kind === "registry" && !hasBlob(dataRoot, descriptor.digest) &&
    !forms().has(diffID);
}
