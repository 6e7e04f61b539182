/** How long one more process takes in a container that runs. */
import { hyperfine, type TimedCommand, type Timing } from "./hyperfine.ts";
import { ok, type Place } from "./places.ts";

const RUNS = 50;
const ROUNDS = 10;
const NAME = "bench-exec";

export function execCommands(tsbox: string): TimedCommand[] {
  const exec = `exec ${NAME} true`;
  return [
    { name: "tsbox exec", command: `${tsbox} ${exec}` },
    { name: "podman exec", command: `podman ${exec}` },
  ];
}

/** Each in a container of its own that sleeps. The image is in both stores. */
export async function benchmarkExec(
  place: Place,
  tsbox: string,
  image: string,
): Promise<Timing[]> {
  const engines = [tsbox, "podman"];
  const run = ["run", "-d", "--name", NAME, "--network", "none", image, "sleep", "1000"];
  for (const engine of engines) ok(place, [engine, ...run]);
  try {
    const options = { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path };
    return await hyperfine(execCommands(tsbox), options);
  } finally {
    for (const engine of engines) ok(place, [engine, "rm", "-f", NAME]);
  }
}
