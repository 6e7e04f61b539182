/** What a container that only sleeps costs in memory, beside its own processes. */
import { readdirSync, readFileSync } from "node:fs";
import { timing } from "./hyperfine.ts";
import { throwWhenInterrupted } from "./interruption.ts";
import { ENGINES, ok, removal } from "./places.ts";
import { limitGoal, markdownTable, type Section } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const CONTAINERS = 10;
/** Milliseconds after which a monitor sleeps. */
const SETTLED = 3000;
/** The programs that stay with a container, by a word of their command lines. */
const WATCHERS: Readonly<Record<string, RegExp>> = {
  tsbox: /^tsbox(\0@monitor|-guard)/,
  podman: /^\S*conmon\0/,
};

export async function benchmarkIdle(around: Surroundings): Promise<Section> {
  const { place } = around;
  const image = await around.busybox();
  const names = Array.from({ length: CONTAINERS }, (_, i) => `bench-idle-${i}`);
  const rows = [];
  for (const { name, program } of ENGINES) {
    const before = new Set(readdirSync("/proc"));
    for (const container of names) {
      await throwWhenInterrupted();
      const options = ["-d", "--name", container, "--network", "none"];
      ok(place, [program, "run", ...options, image, "sleep", "1000"]);
    }
    await Bun.sleep(SETTLED);
    const sizes = privateSizes(before, WATCHERS[name] ?? /^$/);
    ok(place, [program, ...removal(name), ...names]);
    rows.push({ count: sizes.length, ...timing(name, perContainer(sizes)) });
  }
  return {
    heading: "Memory of a container that sleeps",
    blocks: [
      `Private memory (smaps) of the processes that stay with each of ${CONTAINERS} containers, ` +
      `${
        SETTLED / 1000
      } s after the last one was started: the monitor and its guard of tsbox, the conmon of podman.`,
      markdownTable(
        ["", "processes each", "median MB", "least MB", "most MB"],
        rows.map(({ name, count, median, min, max }) => [
          name,
          (count / CONTAINERS).toFixed(0),
          ...[median, min, max].map((size) => size.toFixed(1)),
        ]),
      ),
    ],
    goals: [limitGoal("private memory of an idle container's monitor", rows[0], 5, "MB")],
  };
}

interface Size {
  pid: number;
  parent: number;
  megabytes: number;
}

/** Of every process of ours that was not there before. */
function privateSizes(before: ReadonlySet<string>, which: RegExp): Size[] {
  return readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && !before.has(entry))
    .map(Number).map((pid) => sizeOf(pid, which)).filter((size) => size !== undefined);
}

function sizeOf(pid: number, which: RegExp): Size | undefined {
  try {
    if (!which.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"))) return undefined;
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    const kilobytes = [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+)/gm)]
      .reduce((sum, [, size]) => sum + Number(size), 0);
    return { pid, parent: Number(parent), megabytes: kilobytes / 1024 };
  } catch {
    // It has ended, or is somebody else's.
    return undefined;
  }
}

/** A guard counts for the monitor that made it. */
function perContainer(sizes: readonly Size[]): number[] {
  const known = new Set(sizes.map(({ pid }) => pid));
  return sizes.filter(({ parent }) => !known.has(parent)).map(({ pid, megabytes }) =>
    sizes.reduce((sum, size) => size.parent === pid ? sum + size.megabytes : sum, megabytes)
  );
}
