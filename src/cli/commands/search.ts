import { parseFilters } from "../../engine/filters.ts";
import { DOCKER_SEARCH_FILTERS, SEARCH_FILTERS, searchImages } from "../../engine/search.ts";
import type { Command } from "../command.ts";
import type { Flag } from "../flags.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { formatRows, type ListLayout, type Row } from "../format/rows.ts";
import { shortened } from "../format/table.ts";
import { interruptible } from "../interrupt.ts";
import { badValue } from "../usage_error.ts";
import { LIST_FLAGS } from "./list_flags.ts";

const LAYOUT: ListLayout = {
  headers: {
    Description: "DESCRIPTION",
    IsOfficial: "OFFICIAL",
    Name: "NAME",
    StarCount: "STARS",
  },
  columns: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
  quiet: "{{.Name}}",
};

const LIMIT: Flag = { name: "limit", value: "int", help: "Max number of search results" };
/** Characters of a description. */
const DESCRIPTION = 45;

/** `tsbox search`. */
export const command: Command = {
  grammar: {
    path: "search",
    aliases: ["search"],
    summary: "Search Docker Hub or a registry for images",
    usage: "[OPTIONS] [HOST[:PORT]/]TERM",
    args: { min: 1, max: 1 },
    flags: [...LIST_FLAGS.filter((flag) => flag.name !== "quiet"), LIMIT],
  },
  run: async ({ flags, args }, io, context) => {
    const [term = ""] = args;
    const limit = limitOf(flags.last("limit"));
    const filters = parseFilters(flags.all("filter"), SEARCH_FILTERS, DOCKER_SEARCH_FILTERS);
    const found = await interruptible((signal) =>
      searchImages(term, { limit, filters }, context, signal)
    );
    const format = flags.last("format");
    // Templates and tables show a mark where JSON has a word.
    const isJson = format?.trim() === "json";
    const rows = found.map(({ name, description, stars, official }): Row => {
      const line = description.replace(/[\r\n]/g, " ");
      return {
        Description: flags.on("no-trunc") ? line : shortened(line, DESCRIPTION),
        IsOfficial: isJson ? String(official) : official ? "[OK]" : "",
        Name: name,
        StarCount: String(stars),
      };
    });
    const options = { quiet: false, ...(format !== undefined && { format }) };
    printFormatted(io, formatRows(rows, LAYOUT, options));
    return 0;
  },
};

function limitOf(text = "0"): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw badValue(
    command.grammar,
    LIMIT,
    text,
    `strconv.ParseInt: parsing "${text}": invalid syntax`,
  );
}
