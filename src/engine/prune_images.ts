/** `image prune`: deletes images that nothing uses. */
import type { SelfCommand } from "../rootless/worker.ts";
import { blobSize, blobsOf, layerSize } from "../storage/image_files.ts";
import { type ImageEntry, listImages, type StoredImage } from "../storage/image_index.ts";
import { logEvents } from "../storage/event_log.ts";
import type { EngineContext } from "./context.ts";
import { pruneEvent } from "./events/image_event.ts";
import type { Filters } from "./filters.ts";
import { ownNamespace } from "./own_namespace.ts";
import { pruneFilter } from "./prune_filters.ts";
import { imageUsers, type RemovedImage, removePlanned } from "./remove_image.ts";
import type { ImageUser, RemovalPlan } from "./remove_image_plan.ts";
import { sweepUnneeded } from "./sweep.ts";

/** What a prune did. */
export interface PrunedImages {
  /** Image by image. */
  removed: RemovedImage[];
  /** Bytes of the layers and blobs that are gone. */
  reclaimed: number;
}

/**
 * Deletes dangling images without containers; with `all` also those that have names, and, without filters, what
 * unfinished pulls have left.
 *
 * An image with a container, even an ended one, keeps all its names.
 * Throws TsboxError("invalid-argument") for filter values that mean nothing, and ("cancelled").
 */
export async function pruneImages(
  context: EngineContext,
  self: SelfCommand,
  options: { all: boolean; filters: Filters; signal: AbortSignal },
): Promise<PrunedImages> {
  const { dataRoot } = context;
  const { all, filters, signal } = options;
  const fits = pruneFilter(filters, Date.now());
  const users = imageUsers(dataRoot);
  const result: PrunedImages = { removed: [], reclaimed: 0 };
  for (const image of listImages(dataRoot)) {
    const { created, config: { labels } } = image;
    if (!isUnused(image, users, all) || !fits({ created, labels })) continue;
    const before = sizeOnDisk(dataRoot, image);
    const plan = (images: ImageEntry[], users: ImageUser[]) =>
      planPrune(images, users, image.id, all);
    result.removed.push(await removePlanned(context, self, plan, signal));
    result.reclaimed += before - sizeOnDisk(dataRoot, image);
  }
  // Whoever names some images, or only the dangling ones, may still want to go on with a pull.
  if (all && !filters.has("label") && !filters.has("label!") && !filters.has("until")) {
    result.reclaimed += await sweepUnneeded(dataRoot, ownNamespace(context), self);
  }
  logEvents(dataRoot, [pruneEvent("image", result.reclaimed)]);
  return result;
}

/** Decided again with the images locked: a name or a container may have come meanwhile. */
function planPrune(
  images: readonly ImageEntry[],
  users: readonly ImageUser[],
  id: string,
  all: boolean,
): RemovalPlan | undefined {
  const image = images.find((other) => other.id === id);
  if (image === undefined || !isUnused(image, users, all)) return undefined;
  return { image, names: image.names, digests: image.digests, deletes: true };
}

function isUnused(image: ImageEntry, users: readonly ImageUser[], all: boolean): boolean {
  return (all || image.names.length === 0) && !users.some(({ imageId }) => imageId === image.id);
}

/** Bytes of what is there of an image now. */
function sizeOnDisk(dataRoot: string, image: StoredImage): number {
  const layers = image.chainIDs.map((chainID) => layerSize(dataRoot, chainID));
  const blobs = [...blobsOf(image)].map((digest) => blobSize(dataRoot, digest));
  return [...layers, ...blobs].reduce((sum, size) => sum + size, 0);
}
