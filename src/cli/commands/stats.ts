import { type ContainerUsage, cpuPercent, StatsSource } from "../../engine/stats.ts";
import { binarySize, humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import type { CliIo } from "../io.ts";
import { formatRows, type ListLayout, type Row } from "../format/rows.ts";
import { interruptible } from "../interrupt.ts";
import { FORMAT, NO_TRUNC, shownId } from "./list_flags.ts";

const LAYOUT: ListLayout = {
  headers: {
    BlockIO: "BLOCK I/O",
    CPUPerc: "CPU %",
    Container: "CONTAINER",
    ID: "CONTAINER ID",
    MemPerc: "MEM %",
    MemUsage: "MEM USAGE / LIMIT",
    Name: "NAME",
    NetIO: "NET I/O",
    PIDs: "PIDS",
  },
  columns:
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
  quiet: "{{.ID}}",
};

/** Milliseconds between two samples. */
const PERIOD = 1000;
const CLEAR = "\x1b[2J";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
/** What docker prints for what is not known. */
const UNKNOWN = "--";

/** `tsbox stats`. */
export const command: Command = {
  grammar: {
    path: "stats",
    aliases: ["container stats", "stats"],
    summary: "Display a live stream of container(s) resource usage statistics",
    usage: "[OPTIONS] [CONTAINER...]",
    args: { min: 0 },
    flags: [
      { name: "all", short: "a", help: "Show all containers (default shows just running)" },
      FORMAT,
      { name: "no-stream", help: "Disable streaming stats and only pull the first result" },
      NO_TRUNC,
    ],
  },
  run: async (line, io, context) => {
    const { flags } = line;
    const source = new StatsSource(context, line.args, flags.on("all"));
    const format = flags.last("format");
    const show = (usages: readonly ContainerUsage[]) =>
      formatRows(usages.map((usage) => statsRow(usage, flags.on("no-trunc"))), LAYOUT, {
        quiet: false,
        ...(format !== undefined && { format }),
      });
    source.take();
    await Bun.sleep(PERIOD);
    if (flags.on("no-stream")) io.out(show(source.take()));
    else await stream(io, () => show(source.take()));
    return 0;
  },
};

/** Draws the same screen again and again until the user has seen enough. */
async function stream(io: CliIo, next: () => string): Promise<void> {
  await interruptible(async (signal) => {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve());
    });
    io.out(CLEAR);
    while (!signal.aborted) {
      io.out(HOME + next().replaceAll("\n", `${CLEAR_LINE}\n`) + CLEAR_BELOW);
      await Promise.race([Bun.sleep(PERIOD), aborted]);
    }
  });
}

/** What templates see. A container that does not run uses nothing. */
export function statsRow(usage: ContainerUsage, full: boolean): Row {
  const { id, name, word, now } = usage;
  const runs = now !== undefined;
  const percent = runs ? cpuPercent(usage) : 0;
  const memory = runs ? now.memory : { usage: 0, limit: 0 };
  const pair = (one: number | undefined, other: number | undefined, text: (n: number) => string) =>
    one === undefined || other === undefined ? UNKNOWN : `${text(one)} / ${text(other)}`;
  const network = runs ? now.network : { received: 0, sent: 0 };
  const block = runs ? now.block : { read: 0, written: 0 };
  const ratio = memory && (memory.limit > 0 ? (memory.usage / memory.limit) * 100 : 0);
  const size = (bytes: number) => humanSize(bytes, 3);
  return {
    BlockIO: pair(block?.read, block?.written, size),
    CPUPerc: percentText(percent),
    Container: word === id ? shownId(id, full) : word,
    ID: shownId(id, full),
    MemPerc: percentText(ratio),
    MemUsage: pair(memory?.usage, memory?.limit, binarySize),
    Name: name,
    NetIO: pair(network?.received, network?.sent, size),
    PIDs: runs ? String(now.pids ?? UNKNOWN) : "0",
  };
}

function percentText(percent: number | undefined): string {
  return percent === undefined ? UNKNOWN : `${percent.toFixed(2)}%`;
}
