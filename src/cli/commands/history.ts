import { type HistoryItem, imageHistory } from "../../engine/image_history.ts";
import { humanDuration, humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { formatRows, type ListLayout, type Row } from "../format/rows.ts";
import { shortened } from "../format/table.ts";
import { FORMAT, NO_TRUNC, outputOptions, QUIET, shownId } from "./list_flags.ts";

const HEADERS = {
  Comment: "COMMENT",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  CreatedSince: "CREATED",
  ID: "IMAGE",
  Size: "SIZE",
};

/** Characters of a step that are shown. */
const STEP_WIDTH = 45;
/** Builders that want the same image again and again set the time to 1970: no age is shown then. */
const OLDEST = Date.UTC(2000, 0, 1) / 1000;

function layout(human: boolean): ListLayout {
  const age = human ? "CreatedSince" : "CreatedAt";
  return {
    headers: HEADERS,
    columns: `{{.ID}}\t{{.${age}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
    quiet: "{{.ID}}",
  };
}

/** `tsbox history`. */
export const command: Command = {
  grammar: {
    path: "history",
    aliases: ["image history", "history"],
    summary: "Show the history of an image",
    usage: "[OPTIONS] IMAGE",
    args: { min: 1, max: 1 },
    flags: [
      FORMAT,
      {
        name: "human",
        short: "H",
        help: "Print sizes and dates in human readable format (default true)",
      },
      NO_TRUNC,
      {
        name: "platform",
        value: "string",
        help: 'Fail unless the image is for this platform, "os[/arch[/variant]]"',
      },
      QUIET,
    ],
  },
  run: (line, io, context) => {
    const { flags, args } = line;
    const human = flags.on("human", true);
    const full = flags.on("no-trunc");
    const items = imageHistory(context, args[0] ?? "", flags.last("platform"));
    const rows = items.map((item) => historyRow(item, { human, full }));
    printFormatted(io, formatRows(rows, layout(human), outputOptions(line)));
    return Promise.resolve(0);
  },
};

function historyRow(item: HistoryItem, { human, full }: { human: boolean; full: boolean }): Row {
  const createdBy = item.CreatedBy.replaceAll("\t", " ");
  const createdAt = new Date(item.Created * 1000).toISOString().replace(".000Z", "Z");
  return {
    Comment: item.Comment,
    CreatedAt: createdAt,
    CreatedBy: full ? createdBy : shortened(createdBy, STEP_WIDTH),
    CreatedSince: human ? age(item.Created) : createdAt,
    ID: shownId(item.Id, full),
    Size: human ? humanSize(item.Size) : String(item.Size),
  };
}

function age(created: number): string {
  return created <= OLDEST ? "" : `${humanDuration(Date.now() - created * 1000)} ago`;
}
