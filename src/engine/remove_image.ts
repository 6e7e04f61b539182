/** `rmi`: takes names from images, and deletes those that nothing needs any more. */
import type { SelfCommand } from "../rootless/worker.ts";
import {
  isAbandoned,
  isAbandonedDirectory,
  listContainers,
  scanContainers,
} from "../storage/containers.ts";
import {
  type ImageEntry,
  type StoredImage,
  updateImages,
  wholeImage,
} from "../storage/image_index.ts";
import { logEvents } from "../storage/event_log.ts";
import { listTrash } from "../storage/trash.ts";
import { detachImageFiles } from "../storage/unused_files.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { discardTrees } from "./discard_trees.ts";
import {
  type ImageUser,
  planRemoval,
  type RemovalPlan,
  untagged,
  withoutNames,
} from "./remove_image_plan.ts";
import { storedName } from "./short_names.ts";

/** What was done, in the words of Docker's API. */
export interface RemovedImage {
  untagged: string[];
  /** The image's id, then its layers that no other image has, the top one first. */
  deleted: string[];
}

/** A plan, with the image as it was before. */
type Removal = RemovalPlan & { image: StoredImage };

/** How long a container that is just being started is waited for, in milliseconds. */
const START_TIME = 2000;
const POLL = 5;

/** What is to be taken from the images, now that they are locked; undefined: nothing. */
type Planner = (images: ImageEntry[], users: ImageUser[]) => RemovalPlan | undefined;

/**
 * Removes an image, or only one of its names while it has others.
 * Throws TsboxError("not-found"), ("in-use") in docker's words, ("cancelled").
 */
export async function removeImage(
  context: EngineContext,
  self: SelfCommand,
  text: string,
  options: { force: boolean; signal: AbortSignal },
): Promise<RemovedImage> {
  const name = storedName(context, text);
  const plan: Planner = (images, users) => planRemoval(images, users, name, options);
  return await removePlanned(context, self, plan, options.signal);
}

/** Does what `plan` says of the images as they are when nobody else changes them. */
export async function removePlanned(
  context: EngineContext,
  self: SelfCommand,
  planner: Planner,
  signal: AbortSignal,
): Promise<RemovedImage> {
  const { dataRoot } = context;
  const plan = removeFromIndex(dataRoot, planner);
  if (plan === undefined) return { untagged: [], deleted: [] };
  const names = untagged(plan);
  const { id } = plan.image;
  logEvents(dataRoot, names.map(() => imageEvent("untag", id)));
  if (!plan.deletes || await isTaken(dataRoot, plan)) return { untagged: names, deleted: [] };
  const { chainIDs, trees } = await detachImageFiles(dataRoot, plan.image, signal);
  // Also what an earlier removal, killed in the middle, has left.
  await discardTrees([...new Set([...trees, ...listTrash(dataRoot)])], context, self);
  logEvents(dataRoot, [imageEvent("delete", id)]);
  return { untagged: names, deleted: [id, ...chainIDs] };
}

function removeFromIndex(dataRoot: string, planner: Planner): Removal | undefined {
  const users = imageUsers(dataRoot);
  const made: Removal[] = [];
  updateImages(dataRoot, (images) => {
    const plan = planner(images, users);
    const image = plan && wholeImage(dataRoot, plan.image);
    if (plan === undefined || image === undefined) return images;
    made.push({ ...plan, image });
    return plan.deletes
      ? images.filter((other) => other !== plan.image)
      : images.map((other) => other === plan.image ? withoutNames(plan) : other);
  });
  return made[0];
}

/** Which containers were made of which images. */
export function imageUsers(dataRoot: string): ImageUser[] {
  return listContainers(dataRoot).filter((c) => !isAbandoned(c)).map(({ record }) => ({
    imageId: record.image.id,
    containerId: record.id,
    running: record.state.status === "running",
  }));
}

/**
 * Whether a `run` that had found the image before it left the index uses it now: then it goes back,
 * without its names. Containers that are just being started do not say yet what they are made of.
 */
async function isTaken(dataRoot: string, plan: Removal): Promise<boolean> {
  const deadline = Date.now() + START_TIME;
  const starting = () => !scanContainers(dataRoot).unrecorded.every(isAbandonedDirectory);
  while (starting() && Date.now() < deadline) await Bun.sleep(POLL);
  const taken = imageUsers(dataRoot).some((user) => user.imageId === plan.image.id);
  if (taken) updateImages(dataRoot, (images) => withImage(images, withoutNames(plan)));
  return taken;
}

function withImage(images: ImageEntry[], image: StoredImage): ImageEntry[] {
  return images.some(({ id }) => id === image.id) ? images : [...images, image];
}
