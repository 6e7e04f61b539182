/** Times commands with hyperfine, one after the other, in the order given. */
import { join } from "node:path";

export interface TimedCommand {
  /** As in the tables. */
  name: string;
  /** One command line; no shell is started for it, so words must not contain spaces. */
  command: string;
  /** Run before every timed run, by a shell; not part of the time. */
  prepare?: string;
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
  runs: number;
  warmup: number;
  env: Record<string, string>;
  folder: string;
}

/** Times all commands in one run of hyperfine; throws when one of them fails. */
export async function hyperfine(
  commands: readonly TimedCommand[],
  { runs, warmup, env, folder }: HyperfineOptions,
): Promise<Timing[]> {
  const report = join(folder, "hyperfine.json");
  const flags = ["--shell=none", `--runs=${runs}`, `--warmup=${warmup}`, `--export-json=${report}`];
  const prepare = commands.some((c) => c.prepare)
    ? commands.flatMap((c) => ["--prepare", `sh -c '${c.prepare ?? "true"}'`])
    : [];
  const names = commands.flatMap((c) => ["--command-name", c.name]);
  const words = ["hyperfine", ...flags, ...prepare, ...names, ...commands.map((c) => c.command)];
  const child = Bun.spawn(words, { env, cwd: folder, stdin: "ignore", stdout: "inherit" });
  if (await child.exited !== 0) throw new Error(`hyperfine ended with ${child.exitCode}`);
  const { results } = await Bun.file(report).json();
  return results.map(timing);
}

function timing(result: Record<string, number> & { command: string }): Timing {
  const ms = (key: string) => (result[key] ?? NaN) * 1000;
  return {
    name: result.command,
    mean: ms("mean"),
    median: ms("median"),
    min: ms("min"),
    max: ms("max"),
    stddev: ms("stddev"),
  };
}
