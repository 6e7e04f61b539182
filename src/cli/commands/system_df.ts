import { type DiskUsage, diskUsage } from "../../engine/disk_usage.ts";
import { humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { formatRows, fullRow, type ListLayout, type Row } from "../format/rows.ts";
import { compileTemplate } from "../format/template.ts";
import { imageFields } from "./images.ts";
import { NONE } from "./named_images.ts";
import { FORMAT } from "./list_flags.ts";
import { containerFields } from "./ps.ts";

const SUMMARY: ListLayout = {
  headers: {
    Active: "ACTIVE",
    Reclaimable: "RECLAIMABLE",
    Size: "SIZE",
    TotalCount: "TOTAL",
    Type: "TYPE",
  },
  columns: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
  quiet: "",
};

const IMAGES: ListLayout = {
  headers: {
    Containers: "CONTAINERS",
    CreatedSince: "CREATED",
    ID: "IMAGE ID",
    Repository: "REPOSITORY",
    SharedSize: "SHARED SIZE",
    Size: "SIZE",
    Tag: "TAG",
    UniqueSize: "UNIQUE SIZE",
  },
  columns: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}" +
    "\t{{.UniqueSize}}\t{{.Containers}}",
  quiet: "",
};

const CONTAINERS: ListLayout = {
  headers: {
    Command: "COMMAND",
    ID: "CONTAINER ID",
    Image: "IMAGE",
    LocalVolumes: "LOCAL VOLUMES",
    Names: "NAMES",
    RunningFor: "CREATED",
    Size: "SIZE",
    Status: "STATUS",
  },
  columns: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}" +
    "\t{{.Status}}\t{{.Names}}",
  quiet: "",
};

const VOLUMES: ListLayout = {
  headers: { Links: "LINKS", Name: "VOLUME NAME", Size: "SIZE" },
  columns: "{{.Name}}\t{{.Links}}\t{{.Size}}",
  quiet: "",
};

/** `tsbox system df`. */
export const command: Command = {
  grammar: {
    path: "system df",
    aliases: ["system df"],
    summary: "Show tsbox disk usage",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      FORMAT,
      { name: "verbose", short: "v", help: "Show detailed information on space usage" },
    ],
  },
  run: async ({ flags }, io, context) => {
    const usage = await diskUsage(context, io.self);
    const format = flags.last("format") ?? "";
    const text = flags.on("verbose") ? detailsText(usage, format) : summaryText(usage, format);
    printFormatted(io, text);
    return 0;
  },
};

function summaryText(usage: DiskUsage, format: string): string {
  return formatRows(summaryRows(usage), SUMMARY, { quiet: false, format });
}

function summaryRows({ LayersSize, reclaimable, Images, Containers, Volumes }: DiskUsage): Row[] {
  const inUse = Images.filter((image) => image.Containers > 0).length;
  const containers = Containers.map((c) => ({ size: c.SizeRw, used: c.State === "running" }));
  const volumes = Volumes.map(({ UsageData: { Size, RefCount } }) => ({
    size: Size,
    used: RefCount > 0,
  }));
  return [
    row("Images", [Images.length, inUse], LayersSize, share(reclaimable, LayersSize)),
    rowOf("Containers", containers),
    rowOf("Local Volumes", volumes),
    // What a build leaves is images and their layers.
    row("Build Cache", [0, 0], 0, "0B"),
  ];
}

/** Of things that share nothing: what is not used can be reclaimed. */
function rowOf(type: string, things: readonly { size: number; used: boolean }[]): Row {
  const sum = (some: typeof things) => some.reduce((total, { size }) => total + size, 0);
  const used = things.filter((thing) => thing.used);
  const [total, active] = [sum(things), sum(used)];
  return row(type, [things.length, used.length], total, share(total - active, total));
}

function row(
  type: string,
  [count, active]: readonly [number, number],
  size: number,
  reclaimable: string,
): Row {
  return {
    Active: String(active),
    Reclaimable: reclaimable,
    Size: humanSize(size, 4),
    TotalCount: String(count),
    Type: type,
  };
}

/** `1.2MB (50%)`. */
function share(part: number, whole: number): string {
  const size = humanSize(part, 4);
  return whole > 0 ? `${size} (${Math.floor((part * 100) / whole)}%)` : size;
}

function detailsText({ Images, Containers, Volumes }: DiskUsage, format: string): string {
  const full = format !== "" && format !== "table";
  const [imageColumns, columns] = [imageFields(full), containerFields(full)];
  const images = Images.map((image) => {
    const [first] = image.RepoTags;
    const [repository, tag] = first === undefined ? [NONE, NONE] : splitName(first);
    return fullRow({ image, repository, tag, digest: NONE }, imageColumns);
  });
  const containers = Containers.map((c) => ({
    ...fullRow(c, columns),
    Size: humanSize(c.SizeRw),
  }));
  const volumes = Volumes.map(({ Name, Mountpoint, UsageData: { Size, RefCount } }) => ({
    Links: String(RefCount),
    Mountpoint,
    Name,
    Size: humanSize(Size, 4),
  }));
  if (full) {
    const source = format === "json" ? "{{json .}}" : format;
    const all = { Images: images, Containers: containers, Volumes: volumes, BuildCache: [] };
    return compileTemplate(source)(all) + "\n";
  }
  const section = (title: string, rows: readonly Row[], layout: ListLayout) =>
    `${title}:\n\n${formatRows(rows, layout, { quiet: false })}\n`;
  return section("Images space usage", images, IMAGES) +
    section("Containers space usage", containers, CONTAINERS) +
    section("Local Volumes space usage", volumes, VOLUMES) +
    "Build cache usage: 0B\n";
}

/** Repository and tag. */
function splitName(name: string): [string, string] {
  const at = name.lastIndexOf(":");
  return [name.slice(0, at), name.slice(at + 1)];
}
