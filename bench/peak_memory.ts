/** How much memory a command needs with everything it starts. */
import { readdirSync, readFileSync } from "node:fs";
import { TSBOX } from "../tests/support/cli.ts";
import { pushHugeImage } from "./huge_image.ts";
import { throwWhenInterrupted } from "./interruption.ts";
import { ok, type Place } from "./places.ts";
import { limitGoal, markdownTable, type Section } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

/** Bytes of memory that belong to a command and its children, at its highest; sampled. */
interface PeakMemory {
  name: string;
  bytes: number;
  seconds: number;
}

const SAMPLE_MS = 20;
/** Megabytes. */
const LIMIT = 200;

/** On disk: what a tmpfs holds is memory, too. */
export async function benchmarkMemory(around: Surroundings): Promise<Section> {
  const { disk } = around;
  const image = await pushHugeImage(await around.registry(), disk.path);
  const podman = ["podman", "pull", "-q", "--tls-verify=false", image];
  const own = await peakMemory(disk, "tsbox pull", [TSBOX, "pull", "-q", image]);
  ok(disk, ["sh", "-c", disk.emptyStores]);
  const peaks = [own, await peakMemory(disk, "podman pull", podman)];
  ok(disk, ["sh", "-c", disk.emptyStores]);
  const megabytes = own.bytes / 1e6;
  return {
    heading: "Memory to pull a layer of 2 GiB",
    blocks: [
      `The highest sum of the proportional set sizes of all processes, sampled every ${SAMPLE_MS} ms; to disk, once each.`,
      markdownTable(
        ["", "MB", "seconds"],
        peaks.map((p) => [p.name, (p.bytes / 1e6).toFixed(0), p.seconds.toFixed(1)]),
      ),
    ],
    goals: [
      limitGoal("memory to pull 2 GiB", { median: megabytes, min: megabytes }, LIMIT, "MB"),
    ],
  };
}

async function peakMemory(
  place: Place,
  name: string,
  command: readonly string[],
): Promise<PeakMemory> {
  const start = performance.now();
  const child = Bun.spawn([...command], { env: place.env, stdin: "ignore", stdout: "ignore" });
  let bytes = 0;
  while (child.exitCode === null && child.signalCode === null) {
    bytes = Math.max(bytes, proportionalSize(child.pid));
    await Bun.sleep(SAMPLE_MS);
    await throwWhenInterrupted().catch((error) => {
      child.kill();
      throw error;
    });
  }
  if (child.exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${child.exitCode}`);
  return { name, bytes, seconds: (performance.now() - start) / 1000 };
}

/** The proportional set size of a process and all below it: shared pages are counted once. */
function proportionalSize(root: number): number {
  let total = 0;
  for (const pid of [root, ...descendants(root)]) {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      total += Number(/^Pss: +(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return total;
}

function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...children.get(parent) ?? [], Number(name)]);
  }
  const found: number[] = [];
  for (let queue = [root]; queue.length > 0;) {
    queue = queue.flatMap((pid) => children.get(pid) ?? []);
    found.push(...queue);
  }
  return found;
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}
