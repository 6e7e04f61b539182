/** How long it takes to load an image from a docker archive into an empty store. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageParts, oldDockerArchive } from "../tests/support/archives.ts";
import { tar } from "../tests/support/tar.ts";
import { hyperfine } from "./hyperfine.ts";
import { ENGINES } from "./places.ts";
import { fasterGoal, type Goal, type Section, timingTable } from "./report.ts";
import { FOUR_LAYERS, MANY, SMALL } from "./subjects.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 6;

/** tsbox and podman, each into an empty store, from archives as docker wrote them. */
export async function benchmarkLoad({ place }: Surroundings): Promise<Section> {
  const archive = join(place.path, "image.tar");
  const blocks: string[] = [];
  const goals: Goal[] = [];
  for (const { title, layers } of [FOUR_LAYERS, SMALL, MANY]) {
    const parts = imageParts(await layers());
    writeFileSync(archive, tar(oldDockerArchive(parts, ["localhost/bench:latest"])));
    const timings = await hyperfine(
      ENGINES.map(({ name, program }) => ({
        name: `${name} load`,
        command: `${program} load -q -i ${archive}`,
        prepare: place.emptyStores,
      })),
      { runs: RUNS, rounds: RUNS / 2, warmup: 0, env: place.env, folder: place.path },
    );
    rmSync(archive);
    blocks.push(`### ${title}`, timingTable(timings));
    goals.push(fasterGoal(`load, ${title}`, timings, 2));
  }
  const intro = "A docker archive of uncompressed layers, on tmpfs as the stores are.";
  return { heading: "Loading into an empty store", blocks: [intro, ...blocks], goals };
}
