/** How fast a container can write what ends up in its log. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TSBOX } from "../tests/support/cli.ts";
import { hyperfine, type Timing } from "./hyperfine.ts";
import { ENGINES, ok, type Place, removal } from "./places.ts";
import { markdownTable, type Section } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 6;
const NAME = "bench-logs";
const LINE = `${"0123456789".repeat(9)}abcdefghi\n`;
const LINES = 2_560_000;
const MEGABYTES = LINE.length * LINES / 1e6;

const SUBJECTS = [
  { engine: "tsbox", program: TSBOX, driver: "local" },
  { engine: "tsbox", program: TSBOX, driver: "json-file" },
  { engine: "tsbox", program: TSBOX, driver: "none" },
  { engine: "podman", program: "podman", driver: "k8s-file" },
  { engine: "podman", program: "podman", driver: "none" },
] as const;

export async function benchmarkLogs(around: Surroundings): Promise<Section> {
  const { place } = around;
  const image = await around.busybox();
  const lines = join(place.path, "lines");
  writeFileSync(lines, LINE.repeat(LINES));
  const commands = SUBJECTS.map(({ engine, program, driver }) => {
    const script = join(place.path, `logs-${engine}-${driver}.sh`);
    const options = `-d --name ${NAME} --network none --log-driver ${driver} -v ${lines}:/lines:ro`;
    writeFileSync(
      script,
      `${program} run ${options} ${image} cat /lines\n${program} wait ${NAME}\n`,
    );
    return {
      name: `${engine}, ${driver}`,
      command: `sh -e ${script}`,
      prepare: `${program} ${removal(engine).join(" ")} ${NAME} >/dev/null 2>&1; true`,
    };
  });
  const options = { runs: RUNS, rounds: 3, warmup: 0, env: place.env, folder: place.path };
  const timings = await hyperfine(commands, options);
  for (const { name, program } of ENGINES) ok(place, [program, ...removal(name), NAME]);
  const kept = keptBytes(place, image, lines);
  return {
    heading: "Output into a log",
    blocks: [
      `\`cat\` of ${MEGABYTES} MB in lines of ${LINE.length} bytes, in the background, until \`wait\` has seen its end; ` +
      `${RUNS} runs each, the start of the container included. Of json-file, \`logs\` printed ${kept} MB again.`,
      throughputTable(timings),
    ],
  };
}

/** What `logs` has of such an output in tsbox's json-file, which keeps all of it. */
function keptBytes(place: Place, image: string, lines: string): number {
  const options = ["--network", "none", "--log-driver", "json-file", "-v", `${lines}:/lines:ro`];
  ok(place, [TSBOX, "run", "-d", "--name", NAME, ...options, image, "cat", "/lines"]);
  ok(place, [TSBOX, "wait", NAME]);
  const count = ok(place, ["sh", "-c", `${TSBOX} logs ${NAME} | wc -c`]);
  ok(place, [TSBOX, "rm", NAME]);
  return Number(count) / 1e6;
}

function throughputTable(timings: readonly Timing[]): string {
  return markdownTable(
    ["", "median ms", "fastest ms", "median MB/s", "fastest MB/s"],
    timings.map(({ name, median, min }) => [
      name,
      ...[median, min, MEGABYTES / median * 1000, MEGABYTES / min * 1000].map((x) => x.toFixed(0)),
    ]),
  );
}
