/** `images`: what the store has, filtered as docker does. */
import { parseReference } from "../oci/reference.ts";
import { listContainers } from "../storage/containers.ts";
import { findImageIn, listImages, type StoredImage } from "../storage/image_index.ts";
import { TsboxError } from "../errors.ts";
import type { ImageSummary } from "./api_types.ts";
import type { EngineContext } from "./context.ts";
import { booleanFilter, type Filters, hasLabels, passes, timeFilter } from "./filters.ts";

/** The filters {@link imageSummaries} obeys, and those only docker has. */
export const IMAGE_FILTERS = ["before", "dangling", "label", "reference", "since", "until"];

/**
 * The images, newest first. `named` is `repository` or `repository:tag`: only the names that fit are
 * listed. Throws TsboxError("not-found") for a `before` or `since` image that is not there.
 */
export function imageSummaries(
  context: EngineContext,
  filters: Filters,
  named?: string,
): ImageSummary[] {
  const images = listImages(context.dataRoot);
  const users = containerCounts(context.dataRoot);
  const patterns = [...(filters.get("reference") ?? []), ...(named === undefined ? [] : [named])];
  return images
    .filter((image) => isWanted(image, images, filters))
    .map((image) => summary(image, users.get(image.id) ?? 0))
    .flatMap((image) => patterns.length === 0 ? [image] : withNames(image, patterns))
    .sort((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1));
}

function containerCounts(dataRoot: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { record } of listContainers(dataRoot)) {
    counts.set(record.image.id, (counts.get(record.image.id) ?? 0) + 1);
  }
  return counts;
}

function summary(image: StoredImage, containers: number): ImageSummary {
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: repoTags(image),
    RepoDigests: repoDigests(image),
    Created: Math.floor((Date.parse(image.created) || 0) / 1000),
    Size: image.size,
    SharedSize: -1,
    Labels: image.config.labels,
    Containers: containers,
  };
}

/** The image's names as docker shows them: `alpine:latest`. */
export function repoTags(image: Pick<StoredImage, "names">): string[] {
  return image.names.map((name) => parseReference(name).familiar);
}

/** `alpine@sha256:...`. */
export function repoDigests(image: Pick<StoredImage, "digests">): string[] {
  return image.digests.map((text) => parseReference(text).familiar);
}

function isWanted(
  image: StoredImage,
  images: readonly StoredImage[],
  filters: Filters,
): boolean {
  const dangling = booleanFilter(filters, "dangling");
  const created = Date.parse(image.created) || 0;
  const timeOf = (text: string) => {
    const other = findImageIn(images, text);
    if (other === undefined) throw noSuchImage(text);
    return Date.parse(other.created) || 0;
  };
  return (dangling === undefined || dangling === (image.names.length === 0)) &&
    hasLabels(filters, image.config.labels) &&
    passes(filters, "before", (text) => created < timeOf(text)) &&
    passes(filters, "since", (text) => created > timeOf(text)) &&
    passes(filters, "until", (text) => created < timeFilter(text, Date.now()));
}

/** Docker's words. */
export function noSuchImage(text: string): TsboxError {
  return new TsboxError("not-found", `No such image: ${withTag(text)}`, {
    hint: "'tsbox images' lists those there are",
  });
}

function withTag(text: string): string {
  try {
    return parseReference(text).familiar;
  } catch {
    return text;
  }
}

/** The image with those of its names that a pattern fits; none when no name is left. */
function withNames(image: ImageSummary, patterns: readonly string[]): ImageSummary[] {
  const fits = (name: string) => patterns.some((pattern) => fitsPattern(name, pattern));
  const [tags, digests] = [image.RepoTags.filter(fits), image.RepoDigests.filter(fits)];
  if (tags.length + digests.length === 0) return [];
  return [{ ...image, RepoTags: tags, RepoDigests: digests }];
}

/** As Go's path.Match: `*` stays within a path component. A pattern without tag fits every tag. */
function fitsPattern(name: string, pattern: string): boolean {
  const repository = name.replace(/@.*$|:[^/:]*$/, "");
  return [pattern, familiarOf(pattern)].some((text) => {
    const glob = new Bun.Glob(text);
    return glob.match(name) || glob.match(repository);
  });
}

/** `docker.io/library/alpine` is asked for as `alpine`. */
function familiarOf(pattern: string): string {
  try {
    const reference = parseReference(pattern);
    return reference.tagIsDefault ? reference.familiarName : reference.familiar;
  } catch {
    return pattern;
  }
}
