/** How long one more process takes in a container that runs. */
import { hyperfine } from "./hyperfine.ts";
import { ENGINES, ok, removal } from "./places.ts";
import { fasterGoal, type Section, timingTable } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 50;
const ROUNDS = 10;
const NAME = "bench-exec";

/** Each in a container of its own that sleeps. */
export async function benchmarkExec(around: Surroundings): Promise<Section> {
  const { place } = around;
  const image = await around.busybox();
  const run = ["run", "-d", "--name", NAME, "--network", "none", image, "sleep", "1000"];
  for (const { program } of ENGINES) ok(place, [program, ...run]);
  const options = { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path };
  const timings = await hyperfine(
    ENGINES.map(({ name, program }) => ({
      name: `${name} exec`,
      command: `${program} exec ${NAME} true`,
    })),
    options,
  );
  for (const { name, program } of ENGINES) ok(place, [program, ...removal(name), NAME]);
  return {
    heading: "A command in a container that runs",
    blocks: [`\`exec CONTAINER true\`, ${RUNS} runs each.`, timingTable(timings)],
    goals: [fasterGoal("exec CONTAINER true", timings, 8)],
  };
}
