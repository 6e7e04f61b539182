import type { ContainerSummary } from "../../engine/api_types.ts";
import { parseFilters } from "../../engine/filters.ts";
import { CONTAINER_FILTERS, DOCKER_CONTAINER_FILTERS } from "../../engine/container_filter.ts";
import { sweepLeftovers } from "../../engine/leftovers.ts";
import { containerSummaries, scanFor, withSizes } from "../../engine/list.ts";
import { ago, goTime, humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import type { CommandGrammar } from "../flags.ts";
import { type Fields, formatList, type ListLayout } from "../format/rows.ts";
import { shortened } from "../format/table.ts";
import { printFormatted } from "../format/print_formatted.ts";
import type { CliIo } from "../io.ts";
import type { ParsedLine } from "../parse.ts";
import { badValue } from "../usage_error.ts";
import { LIST_FLAGS, outputOptions, shownId } from "./list_flags.ts";
import { portText } from "./port_text.ts";

const LAYOUT: ListLayout = {
  headers: {
    Command: "COMMAND",
    CreatedAt: "CREATED AT",
    ID: "CONTAINER ID",
    Image: "IMAGE",
    Labels: "LABELS",
    LocalVolumes: "LOCAL VOLUMES",
    Mounts: "MOUNTS",
    Names: "NAMES",
    Networks: "NETWORKS",
    Ports: "PORTS",
    RunningFor: "CREATED",
    Size: "SIZE",
    State: "STATE",
    Status: "STATUS",
  },
  columns:
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
  quiet: "{{.ID}}",
};

const SIZED: ListLayout = { ...LAYOUT, columns: `${LAYOUT.columns}\t{{.Size}}` };

const LAST = {
  name: "last",
  short: "n",
  value: "int",
  help: "Show n last created containers (includes all states) (default -1)",
};

const grammar: CommandGrammar = {
  path: "ps",
  aliases: ["container ls", "container list", "container ps", "ps"],
  summary: "List containers",
  usage: "[OPTIONS]",
  args: { min: 0, max: 0 },
  flags: [
    ...LIST_FLAGS,
    { name: "all", short: "a", help: "Show all containers (default shows just running)" },
    LAST,
    { name: "latest", short: "l", help: "Show the latest created container (includes all states)" },
    { name: "size", short: "s", help: "Display total file sizes" },
  ],
};

/** `tsbox ps`. */
export const command: Command = {
  grammar,
  run: async (line, io, context) => {
    const { flags } = line;
    const last = flags.on("latest") ? 1 : lastCount(line);
    const wanted = {
      all: flags.on("all"),
      filters: parseFilters(flags.all("filter"), CONTAINER_FILTERS, DOCKER_CONTAINER_FILTERS),
      ...(last !== undefined && { last }),
    };
    const scan = scanFor(context.dataRoot, wanted);
    const containers = containerSummaries(context, scan, wanted);
    const full = flags.on("no-trunc");
    const output = outputFor(line, io);
    const sized = !output.quiet && wantsSize(line);
    const shown = sized ? await withSizes(context, io.self, containers) : containers;
    const layout = flags.on("size") ? SIZED : LAYOUT;
    printFormatted(io, formatList(shown, containerFields(full), layout, output));
    await sweepLeftovers(context, () => io.self, scan);
    return 0;
  },
};

/** Of two that exclude each other docker obeys `--quiet`, and says so. */
function outputFor(line: ParsedLine, io: CliIo): ReturnType<typeof outputOptions> {
  const output = outputOptions(line);
  const { quiet, format } = output;
  if (!quiet || !format) return output;
  io.err("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
  return { quiet };
}

/** Docker looks at sizes also when the template shows them. */
function wantsSize({ flags }: ParsedLine): boolean {
  return flags.on("size") || /\.Size\b/.test(flags.last("format") ?? "");
}

/** Docker takes a negative number, and 0, for none. */
function lastCount({ flags }: ParsedLine): number | undefined {
  const text = flags.last("last");
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw badValue(grammar, LAST, text, `strconv.ParseInt: parsing "${text}": invalid syntax`);
  }
  return Number(text) > 0 ? Number(text) : undefined;
}

/** What templates see of a container. @param full with all digits of its id, and texts of any length */
export function containerFields(full: boolean): Fields<ContainerSummary> {
  const now = Date.now();
  const cut = (text: string, width: number) => full ? text : shortened(text, width);
  return new Map<string, (container: ContainerSummary) => unknown>([
    ["Command", ({ Command }) => JSON.stringify(cut(Command, 20))],
    ["CreatedAt", ({ Created }) => goTime(new Date(Created * 1000).toISOString())],
    ["ID", ({ Id }) => shownId(Id, full)],
    ["Image", (container) => imageText(container, full)],
    ["Label", ({ Labels }) => (key: unknown) => Labels[String(key)] ?? ""],
    ["Labels", ({ Labels }) => labelsText(Labels)],
    ["LocalVolumes", ({ Mounts }) => String(Mounts.filter((m) => m.Driver === "local").length)],
    [
      "Mounts",
      ({ Mounts }) =>
        Mounts.filter((m) => m.Type !== "tmpfs").map((m) => cut(m.Name ?? m.Source, 15)).join(","),
    ],
    ["Names", ({ Names }) => namesText(Names)],
    ["Networks", ({ HostConfig }) => HostConfig.NetworkMode],
    ["Ports", ({ Ports }) => Ports.length === 0 ? "" : portText(Ports)],
    ["RunningFor", ({ Created }) => ago(Created, now)],
    ["Size", sizeText],
    ["State", ({ State }) => State],
    ["Status", ({ Status }) => Status],
  ]);
}

function imageText({ Image }: ContainerSummary, full: boolean): string {
  if (Image === "") return "<no image>";
  return Image.startsWith("sha256:") ? shownId(Image, full) : Image;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`).sort().join(",");
}

/** Nearly always one. */
function namesText(names: readonly string[]): string {
  return names.length === 1 ? names[0]?.slice(1) ?? "" : names.map((n) => n.slice(1)).join(",");
}

/** `2B (virtual 4.2MB)`; docker's `0B` where nobody has looked. */
function sizeText({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const virtual = SizeRootFs > 0 ? ` (virtual ${humanSize(SizeRootFs)})` : "";
  return `${humanSize(SizeRw)}${virtual}`;
}
