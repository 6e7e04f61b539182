import { type DiskUsage, diskUsage } from "../../engine/disk_usage.ts";
import { humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { formatRows, type ListLayout, type Row } from "../format/rows.ts";
import { compileTemplate } from "../format/template.ts";
import { imageRow, NONE, splitLast } from "./images.ts";
import { FORMAT } from "./list_flags.ts";
import { containerRow } from "./ps.ts";

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

function summaryRows({ LayersSize, reclaimable, Images, Containers }: DiskUsage): Row[] {
  const running = Containers.filter(({ State }) => State === "running");
  const sum = (some: typeof Containers) => some.reduce((total, { SizeRw }) => total + SizeRw, 0);
  const written = sum(Containers);
  const inUse = Images.filter((image) => image.Containers > 0).length;
  return [
    row("Images", [Images.length, inUse], LayersSize, share(reclaimable, LayersSize)),
    row(
      "Containers",
      [Containers.length, running.length],
      written,
      share(written - sum(running), written),
    ),
  ];
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

function detailsText({ Images, Containers }: DiskUsage, format: string): string {
  const full = format !== "" && format !== "table";
  const images = Images.map((image) => {
    const [first] = image.RepoTags;
    const [repository, tag] = first === undefined ? [NONE, NONE] : splitLast(first, ":");
    return imageRow(image, { repository, tag, digest: NONE }, full);
  });
  const containers = Containers.map((c) => ({
    ...containerRow(c, full),
    Size: humanSize(c.SizeRw),
  }));
  if (full) {
    const source = format === "json" ? "{{json .}}" : format;
    return compileTemplate(source)({ Images: images, Containers: containers }) + "\n";
  }
  return "Images space usage:\n\n" + formatRows(images, IMAGES, { quiet: false }) +
    "\nContainers space usage:\n\n" + formatRows(containers, CONTAINERS, { quiet: false });
}
