import type { ImageSummary } from "../../engine/api_types.ts";
import { parseFilters } from "../../engine/filters.ts";
import { IMAGE_FILTERS, imageSummaries } from "../../engine/images.ts";
import { ago, goTime, humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { formatRows, type ListLayout, type Row } from "../format/rows.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { LIST_FLAGS, outputOptions, shownId } from "./list_flags.ts";

const NONE = "<none>";

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
      { name: "tree", help: "", unsupported: true },
    ],
  },
  run: (line, io, context) => {
    const { flags, args } = line;
    const filters = parseFilters(flags.all("filter"), IMAGE_FILTERS);
    const images = imageSummaries(context, filters, args[0]);
    const options = { digests: flags.on("digests"), full: flags.on("no-trunc") };
    const output = outputOptions(line);
    const withDigest = options.digests || Boolean(output.format?.includes(".Digest"));
    const rows = images.flatMap((image) => imageRows(image, { ...options, digests: withDigest }));
    const shown = output.quiet ? uniqueIds(rows) : rows;
    printFormatted(io, formatRows(shown, layout(options.digests), output));
    return Promise.resolve(0);
  },
};

/** An image with three names is one image. */
function uniqueIds(rows: readonly Row[]): Row[] {
  return rows.filter((row, i) => rows.findIndex((other) => other["ID"] === row["ID"]) === i);
}

/** A row for each name; with digests, for each name and digest of a repository. */
function imageRows(image: ImageSummary, options: { digests: boolean; full: boolean }): Row[] {
  const digests = image.RepoDigests.map((text) => splitLast(text, "@"));
  const tags = image.RepoTags.map((text) => splitLast(text, ":"));
  const named = tags.flatMap(([repository, tag]) => {
    const own = digests.filter(([name]) => name === repository).map(([, digest]) => digest);
    const shown = options.digests && own.length > 0 ? own : [NONE];
    return shown.map((digest) => ({ repository, tag, digest }));
  });
  const tagged = new Set(tags.map(([repository]) => repository));
  const untagged = digests.filter(([name]) => !tagged.has(name))
    .map(([repository, digest]) => ({ repository, tag: NONE, digest }));
  const all = [...named, ...untagged];
  const names = all.length > 0 ? all : [{ repository: NONE, tag: NONE, digest: NONE }];
  return names.map((name) => imageRow(image, name, options.full));
}

function splitLast(text: string, separator: string): [string, string] {
  const at = text.lastIndexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}

function imageRow(
  image: ImageSummary,
  { repository, tag, digest }: { repository: string; tag: string; digest: string },
  full: boolean,
): Row {
  const created = new Date(image.Created * 1000).toISOString();
  return {
    Containers: String(image.Containers),
    CreatedAt: image.Created === 0 ? "N/A" : goTime(created),
    CreatedSince: ago(created, Date.now()),
    Digest: digest,
    ID: shownId(image.Id, full),
    Repository: repository,
    SharedSize: "N/A",
    Size: humanSize(image.Size),
    Tag: tag,
    UniqueSize: "N/A",
    VirtualSize: humanSize(image.Size),
  };
}
