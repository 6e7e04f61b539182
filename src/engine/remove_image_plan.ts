/** What `rmi` does, decided by docker's rules. Pure. */
import { TsboxError } from "../errors.ts";
import { parseReference } from "../oci/reference.ts";
import { findImageIn, type ImageEntry } from "../storage/image_index.ts";
import { noSuchImage, repoDigests, repoTags } from "./images.ts";

/** A container that was made of an image. */
export interface ImageUser {
  imageId: string;
  containerId: string;
  running: boolean;
}

/** What is to be taken from an image. */
export interface RemovalPlan {
  image: ImageEntry;
  /** Canonical names and digests that go, as the index has them. */
  names: string[];
  digests: string[];
  /** Nothing is left that needs the image: its layers and blobs go too. */
  deletes: boolean;
}

/**
 * Decides. `text` is a name, a digest reference or an id.
 * Throws TsboxError("not-found"), or ("in-use") in docker's words.
 */
export function planRemoval(
  images: readonly ImageEntry[],
  users: readonly ImageUser[],
  text: string,
  { force }: { force: boolean },
): RemovalPlan {
  const image = findImageIn(images, text);
  if (image === undefined) throw noSuchImage(text);
  const own = users.filter((user) => user.imageId === image.id);
  const named = namedBy(image, text);
  return named === undefined
    ? planById(image, own, force)
    : planByName(image, own, named, text, force);
}

/** The canonical name or digest the user typed; undefined for an id. */
function namedBy(image: ImageEntry, text: string): string | undefined {
  try {
    const reference = parseReference(text);
    const name = reference.digest === undefined
      ? reference.canonical
      : `${reference.name}@${reference.digest}`;
    return [...image.names, ...image.digests].find((known) => known === name);
  } catch {
    return undefined;
  }
}

function planById(image: ImageEntry, users: readonly ImageUser[], force: boolean): RemovalPlan {
  const repositories = new Set([...image.names, ...image.digests].map(repositoryOf));
  if (repositories.size > 1 && !force) {
    throw conflict(image, "must be forced", "image is referenced in multiple repositories");
  }
  const running = users.find((user) => user.running);
  if (running) {
    const user = short(running.containerId);
    throw conflict(image, "cannot be forced", `image is being used by running container ${user}`);
  }
  const [stopped] = users;
  if (stopped && !force) {
    const user = short(stopped.containerId);
    throw conflict(image, "must be forced", `image is being used by stopped container ${user}`);
  }
  return { image, names: image.names, digests: image.digests, deletes: stopped === undefined };
}

function planByName(
  image: ImageEntry,
  users: readonly ImageUser[],
  named: string,
  text: string,
  force: boolean,
): RemovalPlan {
  const names = image.names.filter((name) => name === named);
  const left = image.names.filter((name) => name !== named);
  // A digest of a repository goes with the last tag of that repository.
  const digests = image.digests.filter((digest) =>
    digest === named ||
    (names.length > 0 && repositoryOf(digest) === repositoryOf(named) &&
      !left.some((name) => repositoryOf(name) === repositoryOf(named)))
  );
  const last = left.length === 0 && digests.length === image.digests.length;
  const [user] = users;
  if (last && user && !force) {
    throw new TsboxError(
      "in-use",
      `conflict: unable to remove repository reference "${text}" (must force) - ` +
        `container ${short(user.containerId)} is using its referenced image ${short(image.id)}`,
    );
  }
  return { image, names, digests, deletes: last && user === undefined };
}

function repositoryOf(name: string): string {
  return parseReference(name).name;
}

function short(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

function conflict(image: ImageEntry, force: string, reason: string): TsboxError {
  return new TsboxError(
    "in-use",
    `conflict: unable to delete ${short(image.id)} (${force}) - ${reason}`,
  );
}

/** The image by what it is called once the plan is done. */
export function withoutNames<T extends ImageEntry>(plan: RemovalPlan & { image: T }): T {
  const { image, names, digests } = plan;
  return {
    ...image,
    names: image.names.filter((name) => !names.includes(name)),
    digests: image.digests.filter((digest) => !digests.includes(digest)),
  };
}

/** The names that go, as docker shows them. */
export function untagged({ image, names, digests }: RemovalPlan): string[] {
  return [...repoTags({ ...image, names }), ...repoDigests({ ...image, digests })];
}
