/** How long `ps` takes in a store of a thousand containers that have ended. */
import { exitedState, storeContainer } from "../tests/support/container_records.ts";
import { TSBOX } from "../tests/support/cli.ts";
import { hyperfine } from "./hyperfine.ts";
import { limitGoal, type Section, timingTable } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 50;
const CONTAINERS = 1000;
/** Milliseconds after which `ps` remembers what it has read. */
const SETTLED = 2100;

export async function benchmarkPs({ place }: Surroundings): Promise<Section> {
  const root = `${place.path}/many-containers`;
  for (let i = 0; i < CONTAINERS; i++) {
    storeContainer(root, `many-${i}`, exitedState(0)).lock.release();
  }
  await Bun.sleep(SETTLED);
  const command = `${TSBOX} --data-root ${root}`;
  const timings = await hyperfine([
    { name: "tsbox ps", command: `${command} ps` },
    { name: "tsbox ps -a", command: `${command} ps -a` },
    { name: "tsbox ps, of no container", command: `${command}-none ps` },
  ], { runs: RUNS, rounds: 5, env: place.env, folder: place.path });
  return {
    heading: `Listing ${CONTAINERS} containers`,
    blocks: [
      `They have ended; ps reads their records once, in the run that warms up. ${RUNS} runs each.`,
      timingTable(timings),
    ],
    goals: [limitGoal(`ps, of ${CONTAINERS} containers`, timings[0], 20, "ms")],
  };
}
