/** Containers that run while a test does something with them. */
import { afterAll } from "bun:test";
import { readdirSync } from "node:fs";
import { type ContainerRecord, readRecord } from "../../src/storage/container_record.ts";
import { type BusyboxContainers, until } from "./busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "./cli.ts";

/** A container that runs. */
export interface RunningContainer {
  name: string;
  record: ContainerRecord;
  /** Host pid of its first process. */
  pid: number;
  /** Kills it and waits until its run has ended; returns what that ended with. */
  stop(): Promise<number>;
}

let count = 0;
const started: Bun.Subprocess[] = [];

// A test that fails before it stops its container must not leave it behind.
afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  await Promise.all(started.map((child) => child.exited));
});

/** Runs a command, by default a long sleep, in a container of its own until it is stopped. */
export async function startContainer(
  box: BusyboxContainers,
  flags: readonly string[] = [],
  command: readonly string[] = ["sleep", "600"],
): Promise<RunningContainer> {
  const name = `running${process.pid}-${++count}`;
  const words = box.words(["--name", name, ...flags], command);
  const { path: cwd, env } = box.home;
  const child = Bun.spawn([TSBOX, ...words], { cwd, env, stdin: "ignore", stdout: "ignore" });
  started.push(child);
  let record: ContainerRecord | undefined;
  await until(`${name} runs`, () => {
    record = recordOf(box, name);
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    return record?.state.status === "running";
  });
  if (record?.state.status !== "running") throw new Error(`${name} does not run`);
  const { pid } = record.state;
  return {
    name,
    record,
    pid,
    async stop() {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
      return await child.exited;
    },
  };
}

/** The same in the background: `stop` says 137 then, as `wait` does. */
export async function startDetached(
  box: BusyboxContainers,
  flags: readonly string[] = [],
  command: readonly string[] = ["sleep", "600"],
): Promise<RunningContainer> {
  const name = `detached${process.pid}-${++count}`;
  await tsboxOk(box.words(["-d", "--name", name, ...flags], command), { home: box.home });
  const record = recordOf(box, name);
  if (record?.state.status !== "running") throw new Error(`${name} does not run`);
  const { pid } = record.state;
  return {
    name,
    record,
    pid,
    async stop() {
      await tsbox(["rm", "-f", name], { home: box.home });
      return 137;
    },
  };
}

function recordOf(box: BusyboxContainers, name: string): ContainerRecord | undefined {
  const folder = `${box.home.dataRoot}/containers`;
  for (const id of readdirSync(folder)) {
    const record = readRecord(`${folder}/${id}`);
    if (record?.name === name) return record;
  }
  return undefined;
}
