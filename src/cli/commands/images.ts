import type { ImageSummary } from "../../engine/api_types.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../../engine/context.ts";
import { type Filters, parseFilters } from "../../engine/filters.ts";
import { IMAGE_FILTERS, imageSummaries } from "../../engine/images.ts";
import { goTime, humanDuration, humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { formatRows, type ListLayout, type Row } from "../format/rows.ts";
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
    const options = { digests: flags.on("digests"), full: flags.on("no-trunc") };
    const output = outputOptions(line);
    const images = imageSummaries(context, filters, {
      ...(args[0] !== undefined && { named: args[0] }),
      ...(needsShares(output.format) && { shares: await readShares(context.dataRoot) }),
    });
    const withDigest = options.digests || Boolean(output.format?.includes(".Digest"));
    const rows = images.flatMap((image) => imageRows(image, { ...options, digests: withDigest }));
    const shown = output.quiet ? uniqueIds(rows) : rows;
    printFormatted(io, formatRows(shown, layout(options.digests), output));
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

/** Only who asks for them waits for these sizes: they take a look at every layer. */
function needsShares(format: string | undefined): boolean {
  return format !== undefined && /SharedSize|UniqueSize|\bjson\b/.test(format);
}

async function readShares(dataRoot: string) {
  const { layerShares, readImageParts } = await import("../../engine/image_sizes.ts");
  return layerShares(readImageParts(dataRoot));
}

/** An image with three names is one image. */
function uniqueIds(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [row["ID"], row])).values()];
}

/** A row for each name; with digests, for each name and digest of a repository. */
function imageRows(image: ImageSummary, options: { digests: boolean; full: boolean }): Row[] {
  const tags = image.RepoTags.map((text) => splitLast(text, ":"));
  const names = tags.flatMap(([repository, tag]) => {
    const own = options.digests ? digestsOf(image, repository) : [];
    return own.length === 0
      ? { repository, tag, digest: NONE }
      : own.map((digest) => ({ repository, tag, digest }));
  });
  for (const text of image.RepoDigests) {
    if (tags.some(([repository]) => text.startsWith(`${repository}@`))) continue;
    const [repository, digest] = splitLast(text, "@");
    if (!options.digests && names.some((name) => name.repository === repository)) continue;
    names.push({ repository, tag: NONE, digest });
  }
  if (names.length === 0) names.push({ repository: NONE, tag: NONE, digest: NONE });
  return names.map((name) => imageRow(image, name, options.full));
}

function digestsOf(image: ImageSummary, repository: string): string[] {
  return image.RepoDigests.filter((text) => text.startsWith(`${repository}@`))
    .map((text) => text.slice(repository.length + 1));
}

/** In two, at the last separator. */
export function splitLast(text: string, separator: string): [string, string] {
  const at = text.lastIndexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What templates see of an image by one of its names. */
export function imageRow(
  image: ImageSummary,
  { repository, tag, digest }: { repository: string; tag: string; digest: string },
  full: boolean,
): Row {
  const { Created, Size, SharedSize } = image;
  const size = humanSize(Size);
  const isShareKnown = SharedSize >= 0;
  return {
    Containers: String(image.Containers),
    // A getter: few lists show it, and a thousand of these times take a millisecond.
    get CreatedAt() {
      return Created === 0 ? "N/A" : goTime(new Date(Created * 1000).toISOString());
    },
    CreatedSince: Created === 0 ? "N/A" : `${humanDuration(Date.now() - Created * 1000)} ago`,
    Digest: digest,
    ID: shownId(image.Id, full),
    Repository: repository,
    SharedSize: isShareKnown ? humanSize(SharedSize, 4) : "N/A",
    Size: size,
    Tag: tag,
    UniqueSize: isShareKnown ? humanSize(Size - SharedSize, 4) : "N/A",
    VirtualSize: humanSize(Size, 4),
  };
}
