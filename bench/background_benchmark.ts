/** Containers in the background: started, stopped, started again, removed, listed. */
import { exitedState, storeContainer } from "../tests/support/container_records.ts";
import { hyperfine, type TimedCommand, type Timing } from "./hyperfine.ts";
import { ok, type Place } from "./places.ts";

const RUNS = 20;
const ROUNDS = 5;
const NAME = "bench-background";
const CONTAINERS = 1000;
/** Milliseconds after which `ps` remembers what it has read. */
const SETTLED = 2100;

/** A table of the report. */
export interface Comparison {
  title: string;
  timings: Timing[];
}

/** What is timed, by the word that names it; `prepare` makes the container what the command needs. */
function operations(image: string, engine: string) {
  // podman asks first, and waits ten seconds for an answer.
  const force = engine === "podman" ? "-f -t 0" : "-f";
  const run = `run -d --name ${NAME}-run --network none ${image} sleep 1000`;
  return [
    { title: "run -d", prepare: `rm ${force} ${NAME}-run`, command: run },
    { title: "start", prepare: `stop -t 0 ${NAME}`, command: `start ${NAME}` },
    {
      title: "stop, of a process that heeds SIGTERM",
      prepare: `start ${NAME}`,
      command: `stop ${NAME}`,
    },
    { title: "rm -f, of one that runs", prepare: run, command: `rm ${force} ${NAME}-run` },
  ];
}

/** The image is in both stores. */
export async function benchmarkBackground(
  place: Place,
  tsbox: string,
  image: string,
): Promise<Comparison[]> {
  const engines = [["tsbox", tsbox], ["podman", "podman"]] as const;
  const script = "trap 'exit 0' TERM; sleep 1000 & wait";
  const create = ["create", "--name", NAME, "--network", "none", image, "sh", "-c", script];
  for (const [, path] of engines) ok(place, [path, ...create]);
  const options = { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path };
  const found: Comparison[] = [];
  try {
    for (const [i, { title }] of operations(image, "tsbox").entries()) {
      const commands = engines.flatMap(([name, path]): TimedCommand[] => {
        const operation = operations(image, name)[i];
        return operation === undefined ? [] : [{
          name: `${name} ${title.split(",")[0]}`,
          command: `${path} ${operation.command}`,
          // What is to be removed or stopped may not be there the first time.
          prepare: `${path} ${operation.prepare} >/dev/null 2>&1; true`,
        }];
      });
      found.push({ title, timings: await hyperfine(commands, options) });
    }
  } finally {
    for (const [, path] of engines) {
      for (const name of [NAME, `${NAME}-run`]) {
        const force = path === "podman" ? ["-f", "-t", "0"] : ["-f"];
        Bun.spawnSync([path, "rm", ...force, name], { env: place.env, stderr: "ignore" });
      }
    }
  }
  return [...found, await benchmarkPs(place, tsbox)];
}

/** In a store of a thousand containers that have ended. */
async function benchmarkPs(place: Place, tsbox: string): Promise<Comparison> {
  const root = `${place.path}/many-containers`;
  for (let i = 0; i < CONTAINERS; i++) {
    storeContainer(root, `many-${i}`, exitedState(0)).lock.release();
  }
  await Bun.sleep(SETTLED);
  const commands = [
    { name: "tsbox ps", command: `${tsbox} --data-root ${root} ps` },
    { name: "tsbox ps -a", command: `${tsbox} --data-root ${root} ps -a` },
    { name: "tsbox ps, of no container", command: `${tsbox} --data-root ${root}-none ps` },
  ];
  const options = { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path };
  return { title: `ps, of ${CONTAINERS} containers`, timings: await hyperfine(commands, options) };
}
