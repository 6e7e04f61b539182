/** How long `stop` takes to see that a container has ended, and to say so. */
import { sys } from "../src/ffi/libc.ts";
import { closeFile } from "../src/ffi/quick_files.ts";
import { waitReadable } from "../src/ffi/readiness.ts";
import { timing } from "./hyperfine.ts";
import { throwWhenInterrupted } from "./interruption.ts";
import { ENGINES, ok, type Place, removal } from "./places.ts";
import { limitGoal, type Section, timingTable } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 20;
const NAME = "bench-stop";
/** Milliseconds; nothing here takes as long. */
const PATIENCE = 15_000;

export async function benchmarkStop(around: Surroundings): Promise<Section> {
  const { place } = around;
  const image = await around.busybox();
  const script = "trap 'exit 0' TERM; sleep 1000 & wait";
  const create = ["create", "--name", NAME, "--network", "none", image, "sh", "-c", script];
  for (const { program } of ENGINES) ok(place, [program, ...create]);
  const delays = ENGINES.map((): number[] => []);
  for (let run = 0; run < RUNS; run++) {
    for (const [i, { program }] of ENGINES.entries()) {
      await throwWhenInterrupted();
      delays[i]?.push(delayOfStop(place, program));
    }
  }
  for (const { name, program } of ENGINES) ok(place, [program, ...removal(name), NAME]);
  const timings = ENGINES.map(({ name }, i) => timing(`${name} stop`, delays[i] ?? []));
  return {
    heading: "From the end of a container to the end of stop",
    blocks: [
      `A shell that ends at SIGTERM, ${RUNS} runs each. The time between the exit of the container's first process and ` +
      "that of the command, each as its pidfd tells.",
      timingTable(timings),
    ],
    goals: [limitGoal("stop returns after the exit of the process", timings[0], 30, "ms")],
  };
}

/** Milliseconds. */
function delayOfStop(place: Place, program: string): number {
  ok(place, [program, "start", NAME]);
  const container = Number(ok(place, [program, "inspect", "-f", "{{.State.Pid}}", NAME]));
  const first = pidfd(container);
  const silent = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
  const command = Bun.spawn([program, "stop", NAME], { env: place.env, ...silent });
  const second = pidfd(command.pid);
  const begin = untilEnded(first);
  return untilEnded(second) - begin;
}

function pidfd(pid: number): number {
  return sys(`look at process ${pid}`, "pidfd_open", pid, 0);
}

/** Waits, blocking, until a process has ended; when that was. */
function untilEnded(fd: number): number {
  const deadline = performance.now() + PATIENCE;
  // Other children of ours interrupt the wait.
  while (!waitReadable(fd, 1000)) {
    if (performance.now() > deadline) throw new Error("a container does not end");
  }
  const now = performance.now();
  closeFile(fd);
  return now;
}
