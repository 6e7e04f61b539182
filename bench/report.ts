/** Turns measurements into the Markdown of docs/benchmarks.md. */
import type { Timing } from "./hyperfine.ts";

/** One heading of the report. */
export interface Section {
  heading: string;
  /** Paragraphs and tables, in Markdown. */
  blocks: string[];
  goals?: Goal[];
}

/** What the project has promised, and what was found; ready to be printed. */
export interface Goal {
  what: string;
  wanted: string;
  median: string;
  fastest: string;
  /** By the medians. */
  isMet: boolean;
}

export interface Report {
  machine: readonly string[];
  date: string;
  sections: readonly Section[];
}

/** The whole file. */
export function report({ machine, date, sections }: Report): string {
  const goals = sections.flatMap((section) => section.goals ?? []);
  const parts = [
    "# Benchmarks",
    `Written by \`make bench\` on ${date}; do not edit. How it is measured: bench/README.md.`,
    machine.join("\n"),
    `Ratios are those of the medians, to the first line of each table: above 1 is slower than tsbox.`,
    ...(goals.length > 0 ? ["## What was promised", goalTable(goals)] : []),
    ...sections.flatMap(({ heading, blocks }) => [`## ${heading}`, ...blocks]),
  ];
  return parts.join("\n\n") + "\n";
}

/** How often the first timing fits into the second one: at least `wanted` times. */
export function fasterGoal(
  what: string,
  [own, peer]: readonly (Timing | undefined)[],
  wanted: number,
): Goal {
  const [median, fastest] = ratios(peer, own);
  return {
    what,
    wanted: `podman takes at least ${wanted} times as long`,
    median: `${median.toFixed(1)} times`,
    fastest: `${fastest.toFixed(1)} times`,
    isMet: median >= wanted,
  };
}

/** How much longer than its peer the first one takes: at most `allowed` times. */
export function slowerGoal(
  what: string,
  [own, peer]: readonly (Timing | undefined)[],
  allowed: number,
): Goal {
  const [median, fastest] = ratios(own, peer);
  return {
    what,
    wanted: `at most ${allowed} times ${peer?.name ?? ""}`,
    median: `${median.toFixed(2)} times`,
    fastest: `${fastest.toFixed(2)} times`,
    isMet: median <= allowed,
  };
}

/** A figure that has an upper limit. @param unit of the values */
export function limitGoal(
  what: string,
  values: Pick<Timing, "median" | "min"> | undefined,
  limit: number,
  unit: string,
): Goal {
  const shown = (value = NaN) => `${value.toFixed(1)} ${unit}`;
  return {
    what,
    wanted: `at most ${limit} ${unit}`,
    median: shown(values?.median),
    fastest: shown(values?.min),
    isMet: (values?.median ?? Infinity) <= limit,
  };
}

function ratios(above: Timing | undefined, below: Timing | undefined): [number, number] {
  return [
    (above?.median ?? NaN) / (below?.median ?? NaN),
    (above?.min ?? NaN) / (below?.min ?? NaN),
  ];
}

function goalTable(goals: readonly Goal[]): string {
  return markdownTable(
    ["", "wanted", "by medians", "by the fastest", "met"],
    goals.map((goal) => [
      goal.what,
      goal.wanted,
      goal.median,
      goal.fastest,
      goal.isMet ? "yes" : "no",
    ]),
    2,
  );
}

export function timingTable(timings: readonly Timing[]): string {
  const base = timings[0]?.median ?? NaN;
  return markdownTable(
    ["", "median ms", "mean ms", "± ms", "fastest ms", "ratio"],
    timings.map((t) => [
      t.name,
      ...[t.median, t.mean, t.stddev, t.min].map((value) => value.toFixed(1)),
      (t.median / base).toFixed(2),
    ]),
  );
}

/** @param left how many of the columns are text */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left = 1,
): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const line = head.map((_, i) => i < left ? "---" : "---:");
  return [head, line, ...rows].map(row).join("\n");
}
