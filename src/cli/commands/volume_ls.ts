import type { VolumeInfo } from "../../engine/api_types.ts";
import { parseFilters } from "../../engine/filters.ts";
import { VOLUME_FILTERS, volumeInfos } from "../../engine/volumes.ts";
import type { Command } from "../command.ts";
import { formatRows, type ListLayout, type Row } from "../format/rows.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { LIST_FLAGS, outputOptions } from "./list_flags.ts";

const LAYOUT: ListLayout = {
  headers: {
    Availability: "AVAILABILITY",
    Driver: "DRIVER",
    Group: "GROUP",
    Labels: "LABELS",
    Links: "LINKS",
    Mountpoint: "MOUNTPOINT",
    Name: "VOLUME NAME",
    Scope: "SCOPE",
    Size: "SIZE",
    Status: "STATUS",
  },
  columns: "{{.Driver}}\t{{.Name}}",
  quiet: "{{.Name}}",
};

/** `tsbox volume ls`. */
export const command: Command = {
  grammar: {
    path: "volume ls",
    aliases: ["volume ls", "volume list"],
    summary: "List volumes",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      ...LIST_FLAGS.filter(({ name }) => name !== "no-trunc" && name !== "quiet"),
      { name: "quiet", short: "q", help: "Only display volume names" },
      { name: "cluster", help: "", unsupported: true },
    ],
  },
  run: (line, io, context) => {
    const filters = parseFilters(line.flags.all("filter"), VOLUME_FILTERS);
    const rows = volumeInfos(context, filters).map(volumeRow);
    printFormatted(io, formatRows(rows, LAYOUT, outputOptions(line)));
    return Promise.resolve(0);
  },
};

function volumeRow({ Driver, Labels, Mountpoint, Name, Scope }: VolumeInfo): Row {
  const labels = Labels ?? {};
  return {
    Availability: "N/A",
    Driver,
    Group: "N/A",
    Label: (key: unknown) => labels[String(key)] ?? "",
    Labels: Object.entries(labels).map(([key, value]) => `${key}=${value}`).sort().join(","),
    Links: "N/A",
    Mountpoint,
    Name,
    Scope,
    Size: "N/A",
    Status: "N/A",
  };
}
