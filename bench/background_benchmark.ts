/** Containers in the background: started, stopped, started again, removed. */
import { hyperfine, type TimedCommand } from "./hyperfine.ts";
import { ENGINES, ok, removal } from "./places.ts";
import { fasterGoal, type Section, timingTable } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 20;
const ROUNDS = 5;
const NAME = "bench-background";
/** Removed and made again, while the other one stays. */
const OTHER = "bench-background-run";

/** A shell that ends at once when it is asked to. */
const SCRIPT = "trap 'exit 0' TERM; sleep 1000 & wait";

/** What is timed; `prepare` makes the container what the command needs. */
function operations(image: string, engine: string) {
  const remove = [...removal(engine), OTHER].join(" ");
  const run = `run -d --name ${OTHER} --network none ${image} sleep 1000`;
  return [
    { title: "run -d", prepare: remove, command: run },
    { title: "start", prepare: `stop -t 0 ${NAME}`, command: `start ${NAME}` },
    {
      title: "stop, of a process that heeds SIGTERM",
      prepare: `start ${NAME}`,
      command: `stop ${NAME}`,
    },
    { title: "rm -f, of one that runs", prepare: run, command: remove },
  ];
}

export async function benchmarkBackground(around: Surroundings): Promise<Section> {
  const { place } = around;
  const image = await around.busybox();
  const create = ["create", "--name", NAME, "--network", "none", image, "sh", "-c", SCRIPT];
  for (const { program } of ENGINES) ok(place, [program, ...create]);
  const blocks: string[] = [];
  const goals = [];
  for (const [i, { title }] of operations(image, "tsbox").entries()) {
    const commands = ENGINES.flatMap(({ name, program }): TimedCommand[] => {
      const operation = operations(image, name)[i];
      return operation === undefined ? [] : [{
        name: `${name} ${title.split(",")[0]}`,
        command: `${program} ${operation.command}`,
        // What is to be removed or stopped may not be there the first time.
        prepare: `${program} ${operation.prepare} >/dev/null 2>&1; true`,
      }];
    });
    const options = { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path };
    const timings = await hyperfine(commands, options);
    if (title === "run -d") goals.push(fasterGoal("run -d", timings, 6));
    blocks.push(`### ${title}`, timingTable(timings));
  }
  for (const { name, program } of ENGINES) {
    for (const container of [NAME, OTHER]) {
      // The last thing that was timed has removed one of them.
      Bun.spawnSync([program, ...removal(name), container], { env: place.env, stderr: "ignore" });
    }
  }
  const intro =
    `Without a network, ${RUNS} runs each; what a command needs is made ready before each, and not timed.`;
  return { heading: "Containers in the background", blocks: [intro, ...blocks], goals };
}
