/** Turns measurements into the Markdown of docs/benchmarks.md. */
import type { Timing } from "./hyperfine.ts";
import type { PeakMemory } from "./peak_memory.ts";

export interface Results {
  machine: string[];
  date: string;
  version: Timing[];
  images: Timing[];
  run: Timing[];
  exec: Timing[];
  background: { title: string; timings: Timing[] }[];
  /** Each one does what the one before does, and more. */
  stages: Timing[];
  /** By title of the image and place. */
  pull: { title: string; timings: Timing[] }[];
  /** The same. */
  push: { title: string; timings: Timing[] }[];
  load: { title: string; timings: Timing[] }[];
  rmi: Timing[];
  memory: PeakMemory[];
}

/** The whole file; of parts that were not measured there is nothing. */
export function report(results: Results): string {
  const { version, run, exec, background, images, stages, pull, push, load, rmi, memory } = results;
  const parts = [
    ...(run.length > 0 ? [RUN, table(run), verdict(run)] : []),
    ...(exec.length > 0 ? [EXEC, table(exec)] : []),
    ...(background.length > 0 ? [BACKGROUND] : []),
    ...background.flatMap(({ title, timings }) => [`### ${title}`, table(timings)]),
    ...(stages.length > 0 ? [STAGES, stageTable(stages)] : []),
    ...(version.length > 0 ? ["## Starting the program", table(version)] : []),
    ...(images.length > 0 ? ["## Listing images", table(images)] : []),
    ...(pull.length > 0 ? [PULL] : []),
    ...pull.flatMap(({ title, timings }) => [`### ${title}`, table(timings)]),
    ...(push.length > 0 ? [PUSH] : []),
    ...push.flatMap(({ title, timings }) => [`### ${title}`, table(timings)]),
    ...(load.length > 0 ? [LOAD] : []),
    ...load.flatMap(({ title, timings }) => [`### ${title}`, table(timings)]),
    ...(rmi.length > 0 ? ["## Removing an image", table(rmi)] : []),
    ...(memory.length > 0 ? [MEMORY, memoryTable(memory)] : []),
  ];
  return [head(results), ...parts].join("\n\n") + "\n";
}

function head({ date, machine }: Results): string {
  return `# Benchmarks

Written by \`make bench\` on ${date}; do not edit. How it is measured: bench/README.md.

${machine.join("\n")}

Ratios are those of the medians, to the first line of each table: above 1 is slower than tsbox.`;
}

const RUN = `## A container that does nothing

\`run --rm --network none IMAGE true\`, the image already unpacked, 50 runs each.`;

const EXEC = `## A command in a container that runs

\`exec CONTAINER true\`, 50 runs each.`;

const BACKGROUND = `## Containers in the background

Without a network, 20 runs each; what a command needs is made ready before each, and not timed.`;

const STAGES = `## Where the time goes

The differences of the medians of ever longer commands: \`--version\`, \`run\` of an image that is not there,
\`run\`.`;

const PULL = `## Pulling into an empty store

From a registry on loopback.`;

const PUSH = `## Pushing to an empty registry

To docker-registry on loopback, its storage on the same tmpfs. skopeo pushes from an OCI layout.`;

const LOAD = `## Loading into an empty store

A docker archive of uncompressed layers, on tmpfs as the stores are.`;

const MEMORY = `## Memory to pull a layer of 2 GiB

The highest sum of the proportional set sizes of all processes, sampled every 20 ms.`;

function table(timings: readonly Timing[]): string {
  const base = timings[0]?.median ?? NaN;
  const rows = timings.map((t) =>
    row([t.name, ms(t.median), ms(t.mean), ms(t.stddev), ms(t.min), (t.median / base).toFixed(2)])
  );
  const head = ["", "median ms", "mean ms", "± ms", "fastest ms", "ratio"];
  return [row(head), row(["---", ...head.slice(1).map(() => "---:")]), ...rows].join("\n");
}

/** The comparisons that the project has promised something about. */
function verdict(timings: readonly Timing[]): string {
  const median = (name: string) => timings.find((t) => t.name === name)?.median ?? NaN;
  const own = median("tsbox run");
  const podman = (median("podman run") / own).toFixed(1);
  const bare = (own / median("crun run (its own spec)")).toFixed(2);
  const full = (own / median("crun run (all ids, seccomp)")).toFixed(2);
  return `tsbox is ${podman} times as fast as podman. It takes ${bare} times as long as bare crun with the
least that crun can do (one id, no seccomp filter), and ${full} times as long as crun doing the same job.`;
}

function memoryTable(peaks: readonly PeakMemory[]): string {
  const rows = peaks.map((p) => row([p.name, (p.bytes / 1e6).toFixed(0), p.seconds.toFixed(1)]));
  return [row(["", "MB", "seconds"]), row(["---", "---:", "---:"]), ...rows].join("\n");
}

function stageTable(stages: readonly Timing[]): string {
  const rows = stages.map(({ name, median }, i) =>
    row([name, ms(median - (stages[i - 1]?.median ?? 0)), ms(median)])
  );
  return [row(["", "ms", "sum"]), row(["---", "---:", "---:"]), ...rows].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function ms(value: number): string {
  return value.toFixed(1);
}
