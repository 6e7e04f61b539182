/** How long a user waits for the removal of an image of very many files, and of a small one beside it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TSBOX } from "../tests/support/cli.ts";
import { tar } from "../tests/support/tar.ts";
import { hyperfine, type Timing } from "./hyperfine.ts";
import { limitGoal, type Section, timingTable } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const MANY_FILES = 100_000;
const RUNS = 8;

export async function benchmarkRmi({ place }: Surroundings): Promise<Section> {
  const timings: Timing[] = [];
  const trash = `${place.env["XDG_DATA_HOME"] ?? ""}/tsbox/tmp/trash-*`;
  // The worker of the run before must have ended.
  const untilDeleted = `while ls -d ${trash} >/dev/null 2>&1; do sleep 0.1; done`;
  for (const count of [MANY_FILES, 10]) {
    const archive = join(place.path, `files-${count}.tar`);
    const files = Array.from({ length: count }, (_, i) => ({
      path: `d${i % 100}/${i}`,
      content: "some",
    }));
    writeFileSync(archive, tar(files));
    timings.push(
      ...await hyperfine([{
        name: `tsbox rmi, ${count.toLocaleString("en")} files`,
        command: `${TSBOX} rmi many:1`,
        prepare: `${untilDeleted}; ${TSBOX} import ${archive} many:1`,
      }], { runs: RUNS, rounds: 1, env: place.env, folder: place.path }),
    );
  }
  return {
    heading: "Removing an image",
    blocks: ["The files are deleted behind the command.", timingTable(timings)],
    goals: [limitGoal(`rmi, ${MANY_FILES.toLocaleString("en")} files`, timings[0], 50, "ms")],
  };
}
