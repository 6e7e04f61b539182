/** How long a container takes that does nothing: tsbox, podman, bare crun, bubblewrap. */
import { TSBOX } from "../tests/support/cli.ts";
import { type Bundles, makeBundles } from "./bundles.ts";
import { hyperfine, type TimedCommand, type Timing } from "./hyperfine.ts";
import type { Place } from "./places.ts";
import {
  fasterGoal,
  limitGoal,
  markdownTable,
  type Section,
  slowerGoal,
  timingTable,
} from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 50;
const ROUNDS = 10;

function runCommands(image: string, bundles: Bundles): TimedCommand[] {
  const run = `run --rm --network none ${image} true`;
  const bare = "--cgroup-manager=disabled run --bundle";
  return [
    { name: "tsbox run", command: `${TSBOX} ${run}` },
    { name: "podman run", command: `podman ${run}` },
    { name: "crun run (its own spec)", command: `crun ${bare} ${bundles.plain} bench-plain` },
    { name: "crun run (all ids, seccomp)", command: `crun ${bare} ${bundles.full} bench-full` },
    {
      name: "bwrap --unshare-all",
      command: `bwrap --unshare-all --bind ${bundles.rootfs} / --proc /proc --dev /dev true`,
    },
  ];
}

/** The comparison of issue 2; its last row is tsbox when no earlier command has left a namespace. */
export async function benchmarkRun(around: Surroundings): Promise<Section> {
  const { place } = around;
  const image = await around.busybox();
  const commands = runCommands(image, makeBundles(place, image));
  const warm = await hyperfine(commands, optionsOf(place));
  const [own, podman, crun] = warm;
  const cold = await hyperfine(
    commands.slice(0, 1).map((command) => ({
      ...command,
      name: "tsbox run, first one",
      prepare: place.forgetNamespace,
    })),
    { ...optionsOf(place), rounds: 2 },
  );
  return {
    heading: "A container that does nothing",
    blocks: [
      `\`run --rm --network none IMAGE true\`, the image already unpacked, ${RUNS} runs each.`,
      timingTable([...warm, ...cold]),
      "### Where the time goes",
      "The differences of the medians of ever longer commands: `--version`, `run` of an image that is not there, `run`.",
      stageTable(await timeStages(place, image)),
    ],
    goals: [
      fasterGoal("run --rm --network none", [own, podman], 8),
      slowerGoal("run --rm --network none", [own, crun], 1.4),
    ],
  };
}

function optionsOf(place: Place) {
  return { runs: RUNS, rounds: ROUNDS, env: place.env, folder: place.path };
}

export async function benchmarkVersion({ place }: Surroundings): Promise<Section> {
  const commands = [
    { name: "tsbox --version", command: `${TSBOX} --version` },
    { name: "podman --version", command: "podman --version" },
    { name: "crun --version", command: "crun --version" },
  ];
  const timings = await hyperfine(commands, optionsOf(place));
  return {
    heading: "Starting the program",
    blocks: [`${RUNS} runs each.`, timingTable(timings)],
    goals: [limitGoal("--version", timings[0], 6, "ms")],
  };
}

/**
 * The same run, cut off ever later: the differences say where the time goes without an observer that
 * takes time itself.
 */
function timeStages(place: Place, image: string): Promise<Timing[]> {
  const run = `${TSBOX} run --rm --network none`;
  const commands = [
    { name: "start and end of the executable", command: `${TSBOX} --version` },
    {
      name: "command line, search for the image, which is not there",
      command: `${run} --pull never ${image}-absent true`,
      mayFail: true,
    },
    { name: "record, plan, container, all of it removed", command: `${run} ${image} true` },
  ];
  return hyperfine(commands, optionsOf(place));
}

function stageTable(stages: readonly Timing[]): string {
  return markdownTable(
    ["", "ms", "sum"],
    stages.map(({ name, median }, i) => [
      name,
      (median - (stages[i - 1]?.median ?? 0)).toFixed(1),
      median.toFixed(1),
    ]),
  );
}
