/** What an image's record says, against its documents and the blobs that are there. Pure. */
import { isDigest } from "../../oci/digest.ts";
import type { ImageConfig } from "../../oci/image_config.ts";
import type { StoredImage, StoredLayer } from "../../storage/image_index.ts";
import { chainIDs } from "../../storage/layers.ts";
import { isObject } from "./shapes.ts";

/**
 * Whether a record has the shape it must have and, where the image's config is there, says what that says.
 * @param record as it was read: nobody has looked at its fields before
 */
export function isSound(record: StoredImage, config: ImageConfig | undefined): boolean {
  const { manifestDigest, layers, chainIDs: chain, platform }: Record<string, unknown> = {
    ...record,
  };
  if (!isDigestText(manifestDigest) || !isObject(record.config) || !isObject(platform)) {
    return false;
  }
  if (!Array.isArray(layers) || !layers.every(isLayer) || !Array.isArray(chain)) return false;
  if (chain.join() !== chainIDs(layers.map(({ diffID }) => diffID)).join()) return false;
  return config === undefined ||
    JSON.stringify(record.config) === JSON.stringify({ ...config, history: [] });
}

function isDigestText(value: unknown): value is string {
  return typeof value === "string" && isDigest(value);
}

function isLayer(value: unknown): value is StoredLayer {
  return isObject(value) && isDigestText(value["digest"]) && isDigestText(value["diffID"]) &&
    typeof value["mediaType"] === "string" && typeof value["size"] === "number";
}

/** The diff ids of layers of which a good blob is there, in whatever form some image brought it. */
export function formsOf(
  layers: readonly StoredLayer[],
  good: ReadonlySet<string>,
): ReadonlySet<string> {
  return new Set(layers.filter(({ digest }) => good.has(digest)).map(({ diffID }) => diffID));
}

/** What an image lacks to be pushed and saved, in words; undefined when it is all there. */
export function missingBlobs(
  { id, manifestDigest, indexDigest, layers }: StoredImage,
  good: ReadonlySet<string>,
  forms: ReadonlySet<string>,
): string | undefined {
  const documents = [
    ...(good.has(id) ? [] : ["its config"]),
    ...(good.has(manifestDigest) ? [] : ["its manifest"]),
    ...(indexDigest === undefined || good.has(indexDigest) ? [] : ["its index"]),
  ];
  const lost = layers.filter(({ digest, diffID }) => !good.has(digest) && !forms.has(diffID));
  const what = [...documents, ...lost.map(({ digest }) => `its layer ${digest}`)];
  if (what.length === 0) return undefined;
  return `${what.join(", ")} ${what.length === 1 ? "is" : "are"}`;
}
