import type { ImageSummary } from "../../engine/api_types.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../../engine/context.ts";
import { type Filters, parseFilters } from "../../engine/filters.ts";
import { IMAGE_FILTERS, listedImages } from "../../engine/images.ts";
import { ago, goTime, humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { type Fields, formatList, type ListLayout } from "../format/rows.ts";
import { printFormatted } from "../format/print_formatted.ts";
import type { CliIo } from "../io.ts";
import type { ParsedLine } from "../parse.ts";
import { LIST_FLAGS, outputOptions, shownId } from "./list_flags.ts";
import { plainTable } from "./images_table.ts";
import { type NamedImage, namedImages } from "./named_images.ts";

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
    const plain = isPlain(line) ? plainTable(context, HEADERS) : undefined;
    if (plain !== undefined) {
      printFormatted(io, plain);
      return 0;
    }
    const images = listedImages(context, filters, {
      ...(args[0] !== undefined && { named: args[0] }),
      ...(needsUsers(output.format) && { users: await readUsers(context.dataRoot) }),
      ...(needsShares(output.format) && { shares: await readShares(context.dataRoot) }),
    });
    const shown = namedImages(images, digests || Boolean(output.format?.includes(".Digest")));
    const fields = imageFields(flags.on("no-trunc"));
    printFormatted(io, formatList(shown, fields, layout(digests), output));
    return 0;
  },
};

/** The table that shows all images, and of each what it always shows. */
function isPlain(line: ParsedLine): boolean {
  const { flags, args } = line;
  const { format = "", quiet } = outputOptions(line);
  return args.length === 0 && !flags.has("filter") && !flags.on("digests") &&
    !flags.on("no-trunc") && !quiet && (format === "" || format === "table");
}

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

function createdAt({ Created }: Pick<ImageSummary, "Created">): string {
  return Created === 0 ? "N/A" : goTime(new Date(Created * 1000).toISOString());
}

/** Of what nobody has looked at, nothing is known. */
function sizeText({ SharedSize }: Pick<ImageSummary, "SharedSize">, size: number): string {
  return SharedSize < 0 ? "N/A" : humanSize(size, 4);
}
