import type { ImageSummary } from "../../engine/api_types.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../../engine/context.ts";
import { type Filters, parseFilters } from "../../engine/filters.ts";
import { IMAGE_FILTERS, imageSummaries } from "../../engine/images.ts";
import { ago, goTime, humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { type Fields, formatList, type ListLayout } from "../format/rows.ts";
import { printFormatted } from "../format/print_formatted.ts";
import type { CliIo } from "../io.ts";
import type { ParsedLine } from "../parse.ts";
import { LIST_FLAGS, outputOptions, shownId } from "./list_flags.ts";

/** Docker's word for a name that is not there. */
export const NONE = "<none>";

const HEADERS = {
  Containers: "CONTAINERS",
  CreatedAt: "CREATED AT",
  CreatedSince: "CREATED",
  Digest: "DIGEST",
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  SharedSize: "SHARED SIZE",
  Size: "SIZE",
  Tag: "TAG",
  UniqueSize: "UNIQUE SIZE",
  VirtualSize: "SIZE",
};

function layout(digests: boolean): ListLayout {
  const digest = digests ? "{{.Digest}}\t" : "";
  return {
    headers: HEADERS,
    columns: `{{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
    quiet: "{{.ID}}",
  };
}

/** `tsbox images`. */
export const command: Command = {
  grammar: {
    path: "images",
    aliases: ["image ls", "image list", "images"],
    summary: "List images",
    usage: "[OPTIONS] [REPOSITORY[:TAG]]",
    args: { min: 0, max: 1 },
    flags: [
      ...LIST_FLAGS,
      // There are no intermediate images that it could hide: what it asks for is always so.
      { name: "all", short: "a", help: "Show all images (there are no hidden ones)" },
      { name: "digests", help: "Show digests" },
      { name: "tree", help: "List images and their platforms as a tree (EXPERIMENTAL)" },
    ],
  },
  run: async (line, io, context) => {
    const { flags, args } = line;
    const filters = parseFilters(flags.all("filter"), IMAGE_FILTERS);
    if (flags.on("tree")) return await printTree(line, io, context, filters);
    const digests = flags.on("digests");
    const output = outputOptions(line);
    const images = imageSummaries(context, filters, {
      ...(args[0] !== undefined && { named: args[0] }),
      ...(needsUsers(output.format) && { users: await readUsers(context.dataRoot) }),
      ...(needsShares(output.format) && { shares: await readShares(context.dataRoot) }),
    });
    const all = namedImages(images, digests || Boolean(output.format?.includes(".Digest")));
    const shown = output.quiet ? uniqueImages(all) : all;
    const fields = imageFields(flags.on("no-trunc"));
    printFormatted(io, formatList(shown, fields, layout(digests), output));
    return 0;
  },
};

/** Docker's words for what the tree has no place for. */
const NOT_WITH_TREE = {
  quiet: "quiet",
  "no-trunc": "no-trunc",
  digests: "show-digest",
  format: "format",
};

async function printTree(
  { flags, args }: ParsedLine,
  io: CliIo,
  context: EngineContext,
  filters: Filters,
): Promise<number> {
  for (const [flag, name] of Object.entries(NOT_WITH_TREE)) {
    if ((flags.last(flag) ?? "false") === "false") continue;
    throw new TsboxError("unsupported", `--${name} is not yet supported with --tree`);
  }
  const { imageTree } = await import("../../engine/image_tree.ts");
  const { imageTreeText } = await import("../format/image_tree.ts");
  const colours = io.isTty(1);
  const width = colours ? io.columns() : 80;
  io.out(imageTreeText(imageTree(context, filters, args[0]), { width, colours }));
  return 0;
}

/** The table does not show how many containers an image has, and reading a thousand takes longer than the list. */
function needsUsers(format: string | undefined): boolean {
  return format !== undefined && format.trim() !== "table";
}

async function readUsers(dataRoot: string) {
  const { containerCounts } = await import("../../engine/container_counts.ts");
  return containerCounts(dataRoot);
}

/** Only who asks for them waits for these sizes: they take a look at every layer. */
function needsShares(format: string | undefined): boolean {
  return format !== undefined && /SharedSize|UniqueSize|\bjson\b/.test(format);
}

async function readShares(dataRoot: string) {
  const { layerShares, readImageParts } = await import("../../engine/image_sizes.ts");
  return layerShares(readImageParts(dataRoot));
}

/** An image by one of its names: a line of the list. */
export interface NamedImage {
  image: ImageSummary;
  repository: string;
  tag: string;
  digest: string;
}

/** An image with three names is one image. */
function uniqueImages(all: readonly NamedImage[]): NamedImage[] {
  return [...new Map(all.map((named) => [named.image.Id, named])).values()];
}

// Plain loops from here on: what is called for each of a thousand images is interpreted, and a method
// with a callback takes as long as ten rounds of a loop, as does taking an array apart by a pattern.

function namedImages(images: readonly ImageSummary[], digests: boolean): NamedImage[] {
  const all: NamedImage[] = [];
  for (const image of images) addNames(all, image, digests);
  return all;
}

/** One for each name; with digests, for each name and digest of a repository. */
function addNames(all: NamedImage[], image: ImageSummary, digests: boolean): void {
  const before = all.length;
  const repositories: string[] = [];
  for (const text of image.RepoTags) {
    const colon = text.lastIndexOf(":");
    const repository = text.slice(0, colon);
    const tag = text.slice(colon + 1);
    repositories.push(repository);
    const own = digests ? digestsOf(image, repository) : [];
    if (own.length === 0) own.push(NONE);
    for (const digest of own) all.push({ image, repository, tag, digest });
  }
  for (const text of image.RepoDigests) {
    const at = text.lastIndexOf("@");
    const repository = text.slice(0, at);
    if (repositories.includes(repository)) continue;
    if (!digests) repositories.push(repository);
    all.push({ image, repository, tag: NONE, digest: text.slice(at + 1) });
  }
  if (all.length === before) all.push({ image, repository: NONE, tag: NONE, digest: NONE });
}

function digestsOf(image: ImageSummary, repository: string): string[] {
  const digests: string[] = [];
  for (const text of image.RepoDigests) {
    if (text.startsWith(`${repository}@`)) digests.push(text.slice(repository.length + 1));
  }
  return digests;
}

/** What templates see of an image by one of its names. @param full with all digits of its id */
export function imageFields(full: boolean): Fields<NamedImage> {
  const now = Date.now();
  return new Map<string, (named: NamedImage) => string>([
    ["Containers", ({ image }) => image.Containers < 0 ? "N/A" : String(image.Containers)],
    ["CreatedAt", ({ image }) => createdAt(image)],
    ["CreatedSince", ({ image }) => ago(image.Created, now)],
    ["Digest", ({ digest }) => digest],
    ["ID", ({ image }) => shownId(image.Id, full)],
    ["Repository", ({ repository }) => repository],
    ["SharedSize", ({ image }) => sizeText(image, image.SharedSize)],
    ["Size", ({ image }) => humanSize(image.Size)],
    ["Tag", ({ tag }) => tag],
    ["UniqueSize", ({ image }) => sizeText(image, image.Size - image.SharedSize)],
    ["VirtualSize", ({ image }) => humanSize(image.Size, 4)],
  ]);
}

function createdAt({ Created }: ImageSummary): string {
  return Created === 0 ? "N/A" : goTime(new Date(Created * 1000).toISOString());
}

/** Of what nobody has looked at, nothing is known. */
function sizeText({ SharedSize }: ImageSummary, size: number): string {
  return SharedSize < 0 ? "N/A" : humanSize(size, 4);
}
