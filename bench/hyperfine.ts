/** Times commands with hyperfine, in turns: a machine changes its speed while it is measured. */
import { join } from "node:path";
import { untilEnded } from "./interruption.ts";

export interface TimedCommand {
  /** As in the tables. */
  name: string;
  /** One command line; no shell is started for it, so words must not contain spaces. */
  command: string;
  /** Run before every timed run, by a shell; not part of the time. */
  prepare?: string;
  /** Its exit status does not matter. */
  mayFail?: boolean;
}

/** Milliseconds. */
export interface Timing {
  name: string;
  mean: number;
  median: number;
  min: number;
  max: number;
  stddev: number;
}

export interface HyperfineOptions {
  /** How often every command is run in all; a multiple of `rounds`. */
  runs: number;
  /** How often the list of commands is gone through. */
  rounds: number;
  /** Runs at the beginning of each round that do not count; default 1. */
  warmup?: number;
  env: Record<string, string>;
  folder: string;
}

/** Times all commands; throws when one of them fails, unless one of them may. */
export async function hyperfine(
  commands: readonly TimedCommand[],
  options: HyperfineOptions,
): Promise<Timing[]> {
  const times = commands.map((): number[] => []);
  for (let round = 0; round < options.rounds; round++) {
    const measured = await oneRound(commands, options);
    measured.forEach((more, i) => times[i]?.push(...more));
  }
  const timings = commands.map(({ name }, i) => timing(name, times[i] ?? []));
  const shown = timings.map(({ name, median }) => `${name} ${median.toFixed(1)}`);
  process.stderr.write(`  ${shown.join(", ")}\n`);
  return timings;
}

/** Milliseconds of every run, by command. */
async function oneRound(
  commands: readonly TimedCommand[],
  { runs, rounds, warmup = 1, env, folder }: HyperfineOptions,
): Promise<number[][]> {
  const report = join(folder, "hyperfine.json");
  const flags = [
    "--shell=none",
    "--style=none",
    `--warmup=${warmup}`,
    `--runs=${Math.max(2, runs / rounds)}`,
    `--export-json=${report}`,
    ...(commands.some((c) => c.mayFail) ? ["--ignore-failure"] : []),
  ];
  const prepare = commands.some((c) => c.prepare)
    ? commands.flatMap((c) => ["--prepare", `sh -c '${c.prepare ?? "true"}'`])
    : [];
  const words = ["hyperfine", ...flags, ...prepare, ...commands.map((c) => c.command)];
  const { exitCode, errors } = await untilEnded(words, { env, cwd: folder });
  if (exitCode !== 0) throw new Error(`hyperfine ended with ${exitCode}: ${errors}`);
  const { results } = await Bun.file(report).json();
  return results.map(({ times }: { times: number[] }) => times.map((seconds) => seconds * 1000));
}

/** Statistics over milliseconds, or over any other numbers. */
export function timing(name: string, times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  const middle = sorted.length / 2;
  const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
  const variance = sorted.reduce((sum, t) => sum + (t - mean) ** 2, 0) / (sorted.length - 1);
  return {
    name,
    mean,
    median: (at(Math.ceil(middle) - 1) + at(Math.floor(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
    stddev: Math.sqrt(variance),
  };
}
