/** `images`: what the store has, filtered as docker does. */
import { familiarForm, parseReference } from "../oci/reference.ts";
import {
  findImageIn,
  type ImageEntry,
  listEntries,
  type StoredImage,
  wholeImage,
} from "../storage/image_index.ts";
import { TsboxError } from "../errors.ts";
import type { ImageSummary } from "./api_types.ts";
import type { EngineContext } from "./context.ts";
import { booleanFilter, type Filters, hasLabels, lacksLabels, timeFilter } from "./filters.ts";
import type { DiskShare } from "./image_sizes.ts";
import { namePattern } from "./name_pattern.ts";

/** The filters {@link imageSummaries} obeys. */
export const IMAGE_FILTERS = [
  "before",
  "dangling",
  "label",
  "label!",
  "reference",
  "since",
  "until",
];

/** What is wanted of the list beside the filters. */
export interface ImageListOptions {
  /** `repository` or `repository:tag`: only the names that fit are listed. */
  named?: string;
  /** Fill in `Labels`, which takes reading every image's record. */
  labels?: boolean;
  /** How many containers were made of an image, by its id; without, `Containers` is -1. */
  users?: ReadonlyMap<string, number>;
  /** What of an image's unpacked layers is shared, by its id; without, `SharedSize` is -1. */
  shares?: ReadonlyMap<string, DiskShare>;
}

/** An image as lists show it; of its names, which lists show line by line, those that are wanted. */
export interface ListedImage
  extends Pick<ImageSummary, "Id" | "Created" | "Size" | "SharedSize" | "Containers"> {
  image: ImageEntry | StoredImage;
  /** In full, as the store has them. */
  names: readonly string[];
  digests: readonly string[];
}

/** {@link listedImages} as the API shows them. Throws what that throws. */
export function imageSummaries(
  context: EngineContext,
  filters: Filters,
  options: ImageListOptions = {},
): ImageSummary[] {
  return listedImages(context, filters, options).map((listed) => ({
    Id: listed.Id,
    ParentId: "",
    RepoTags: repoTags(listed),
    RepoDigests: repoDigests(listed),
    Created: listed.Created,
    Size: listed.Size,
    SharedSize: listed.SharedSize,
    Labels: labelsOf(listed.image),
    Containers: listed.Containers,
  }));
}

/**
 * The images, newest first.
 * Throws TsboxError("not-found") for a `before` or `since` image that is not there, ("invalid-argument") for filters
 * that mean nothing.
 */
export function listedImages(
  context: EngineContext,
  filters: Filters,
  { named, labels = false, users, shares }: ImageListOptions = {},
): ListedImage[] {
  const { dataRoot } = context;
  const images = listEntries(dataRoot);
  const patterns = [...(filters.get("reference") ?? []), ...(named === undefined ? [] : [named])]
    .flatMap(namePatterns);
  const isWanted = filters.size === 0 ? undefined : entryFilter(images, filters, Date.now());
  const byLabel = filters.has("label") || filters.has("label!");
  const found: ListedImage[] = [];
  // A plain loop: a chain of filter() and map() takes a thousand images several times as long.
  for (const entry of images) {
    if (isWanted !== undefined && !isWanted(entry)) continue;
    const image = labels || byLabel ? wholeImage(dataRoot, entry) : entry;
    if (image === undefined || (byLabel && !isLabelled(filters, labelsOf(image)))) continue;
    const listed = {
      image,
      names: image.names,
      digests: image.digests,
      Id: image.id,
      Created: Math.floor((Date.parse(image.created) || 0) / 1000),
      Size: image.size,
      SharedSize: shares?.get(image.id)?.shared ?? -1,
      Containers: users === undefined ? -1 : users.get(image.id) ?? 0,
    };
    if (patterns.length === 0 || hasNames(listed, patterns)) found.push(listed);
  }
  return found.sort((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1));
}

function isLabelled(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  return hasLabels(filters, labels) && lacksLabels(filters, labels);
}

function labelsOf(image: ImageEntry | StoredImage): Record<string, string> {
  return "config" in image ? image.config.labels : {};
}

/** The image's names as docker shows them: `alpine:latest`. */
export function repoTags(image: { names: readonly string[] }): string[] {
  return familiarForms(image.names);
}

/** `alpine@sha256:...`. */
export function repoDigests(image: { digests: readonly string[] }): string[] {
  return familiarForms(image.digests);
}

function familiarForms(names: readonly string[]): string[] {
  const familiar: string[] = [];
  for (const name of names) familiar.push(familiarForm(name));
  return familiar;
}

/**
 * Which images all filters want but those about labels and references.
 * @param now milliseconds since the epoch
 */
export function entryFilter(
  images: readonly ImageEntry[],
  filters: Filters,
  now: number,
): (image: ImageEntry) => boolean {
  const dangling = booleanFilter(filters, "dangling");
  const timeOf = (text: string) => {
    const other = findImageIn(images, text);
    if (other === undefined) throw noSuchImage(text);
    return Date.parse(other.created) || 0;
  };
  const before = filters.get("before")?.map(timeOf);
  const since = filters.get("since")?.map(timeOf);
  const until = filters.get("until")?.map((text) => timeFilter(text, now));
  const byTime = before !== undefined || since !== undefined || until !== undefined;
  return (image) => {
    const created = byTime ? Date.parse(image.created) || 0 : 0;
    return (dangling === undefined || isWantedDangling(image, dangling)) &&
      (before === undefined || before.some((time) => created < time)) &&
      (since === undefined || since.some((time) => created > time)) &&
      (until === undefined || until.some((time) => created < time));
  };
}

/** Docker's rule: an image that has only digests is listed by both values of the filter. */
function isWantedDangling({ names, digests }: ImageEntry, dangling: boolean): boolean {
  return dangling ? names.length === 0 : names.length + digests.length > 0;
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

/** Leaves those of its names that a pattern fits; false when none is left. */
function hasNames(image: ListedImage, patterns: readonly RegExp[]): boolean {
  const fits = (canonical: string) => {
    const name = familiarForm(canonical);
    // A pattern without tag fits every tag.
    const repository = name.replace(/@.*$|:[^/:]*$/, "");
    return patterns.some((pattern) => pattern.test(name) || pattern.test(repository));
  };
  image.names = image.names.filter(fits);
  image.digests = image.digests.filter(fits);
  return image.names.length + image.digests.length > 0;
}

function namePatterns(text: string): RegExp[] {
  return [...new Set([text, familiarOf(text)])].map(namePattern);
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
