/** How long a container takes that does nothing: tsbox, podman, bare crun, bubblewrap. */
import type { Bundles } from "./bundles.ts";
import { hyperfine, type TimedCommand, type Timing } from "./hyperfine.ts";
import type { Place } from "./places.ts";

const RUNS = 50;
const ROUNDS = 10;

export function runCommands(tsbox: string, image: string, bundles: Bundles): TimedCommand[] {
  const run = `run --rm --network none ${image} true`;
  const bare = "--cgroup-manager=disabled run --bundle";
  return [
    { name: "tsbox run", command: `${tsbox} ${run}` },
    { name: "podman run", command: `podman ${run}` },
    { name: "crun run (all ids, seccomp)", command: `crun ${bare} ${bundles.full} bench-full` },
    { name: "crun run (its own spec)", command: `crun ${bare} ${bundles.plain} bench-plain` },
    {
      name: "bwrap --unshare-all",
      command: `bwrap --unshare-all --bind ${bundles.rootfs} / --proc /proc --dev /dev true`,
    },
  ];
}

/** The comparison of issue 2; the last row is tsbox when no earlier command has left a namespace. */
export async function benchmarkRun(
  place: Place,
  tsbox: string,
  image: string,
  bundles: Bundles,
): Promise<Timing[]> {
  const options = { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path };
  const commands = runCommands(tsbox, image, bundles);
  const [first] = commands;
  const warm = await hyperfine(commands, options);
  if (!first) return warm;
  const cold = { ...first, name: "tsbox run, first one", prepare: place.forgetNamespace };
  return [...warm, ...await hyperfine([cold], options)];
}

export function benchmarkVersion(place: Place, tsbox: string): Promise<Timing[]> {
  const commands = [
    { name: "tsbox --version", command: `${tsbox} --version` },
    { name: "podman --version", command: "podman --version" },
    { name: "crun --version", command: "crun --version" },
  ];
  return hyperfine(commands, { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path });
}

/**
 * The same run, cut off ever later: the differences say where the time goes without an observer that
 * takes time itself.
 */
export function benchmarkStages(place: Place, tsbox: string, image: string): Promise<Timing[]> {
  const run = `${tsbox} run --rm --network none`;
  const commands = [
    { name: "start and end of the executable", command: `${tsbox} --version` },
    {
      name: "command line, search for the image, which is not there",
      command: `${run} --pull never ${image}-absent true`,
      mayFail: true,
    },
    { name: "record, plan, container, all of it removed", command: `${run} ${image} true` },
  ];
  return hyperfine(commands, { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path });
}
