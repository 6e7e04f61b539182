/**
 * Runs all benchmarks as the current user and prints docs/benchmarks.md on descriptor 3. `scripts/bench`
 * prepares the surroundings: the packages, a cgroup that podman and crun accept.
 *
 * Usage: main.ts [PART ...]   the names of PARTS; default: all
 */
import { TSBOX } from "../tests/support/cli.ts";
import { benchmarkBackground } from "./background_benchmark.ts";
import { benchmarkExec } from "./exec_benchmark.ts";
import { benchmarkIdle } from "./idle_benchmark.ts";
import { benchmarkImages } from "./images_benchmark.ts";
import { obeyInterruptions } from "./interruption.ts";
import { benchmarkLoad } from "./load_benchmark.ts";
import { benchmarkLogs } from "./logs_benchmark.ts";
import { describeMachine } from "./machine.ts";
import { benchmarkMemory } from "./peak_memory.ts";
import { ok } from "./places.ts";
import { benchmarkPs } from "./ps_benchmark.ts";
import { benchmarkPull } from "./pull_benchmark.ts";
import { benchmarkPush } from "./push_benchmark.ts";
import { report, type Section } from "./report.ts";
import { benchmarkRmi } from "./rmi_benchmark.ts";
import { benchmarkRun, benchmarkVersion } from "./run_benchmark.ts";
import { benchmarkStop } from "./stop_benchmark.ts";
import { Surroundings } from "./surroundings.ts";

const PARTS: Readonly<Record<string, (around: Surroundings) => Promise<Section>>> = {
  version: benchmarkVersion,
  run: benchmarkRun,
  exec: benchmarkExec,
  background: benchmarkBackground,
  stop: benchmarkStop,
  ps: benchmarkPs,
  idle: benchmarkIdle,
  logs: benchmarkLogs,
  images: benchmarkImages,
  pull: benchmarkPull,
  push: benchmarkPush,
  load: benchmarkLoad,
  rmi: benchmarkRmi,
  memory: benchmarkMemory,
};

async function measure(parts: readonly string[]): Promise<string> {
  const around = new Surroundings();
  try {
    const machine = describeMachine(ok(around.place, [TSBOX, "--version"]).trim());
    const sections: Section[] = [];
    for (const part of parts) {
      const begin = performance.now();
      const section = await PARTS[part]?.(around);
      if (section !== undefined) sections.push(section);
      const seconds = ((performance.now() - begin) / 1000).toFixed(0);
      process.stderr.write(`bench ${part}: ${seconds} s\n`);
    }
    return report({ machine, date: new Date().toISOString().slice(0, 10), sections });
  } finally {
    await around.close();
  }
}

/** The status of the program. */
async function main(words: readonly string[]): Promise<number> {
  const unknown = words.find((word) => PARTS[word] === undefined);
  if (unknown !== undefined) {
    process.stderr.write(
      `bench: no part "${unknown}"; there are ${Object.keys(PARTS).join(", ")}\n`,
    );
    return 2;
  }
  obeyInterruptions();
  try {
    await Bun.write(Bun.file(3), await measure(words.length > 0 ? words : Object.keys(PARTS)));
    return 0;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
