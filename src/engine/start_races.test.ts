/** Commands on a container that somebody is just starting: the test holds its lock, as its monitor would. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { exitedState, storeContainer } from "../../tests/support/container_records.ts";
import { DEFAULT_OPTIONS } from "../../tests/support/run_options.ts";
import { processStart } from "../storage/container_lock.ts";
import { changeRecord, readRecord, timestamp } from "../storage/container_record.ts";
import type { NewContainer } from "../storage/containers.ts";
import { makeContext } from "./context.ts";
import { Stopper } from "./monitor/stopper.ts";
import { removeContainer } from "./remove.ts";
import { beginStop } from "./stop.ts";

let store = "";
let container: NewContainer;
let child: Bun.Subprocess;
beforeEach(() => {
  store = mkdtempSync(`${tmpdir()}/races-`);
  container = storeContainer(store, "web", exitedState(0));
  child = Bun.spawn(["sleep", "60"]);
});
afterEach(() => {
  child.kill("SIGKILL");
  container.lock.release();
  rmSync(store, { recursive: true, force: true });
});

const context = () =>
  makeContext({ env: { HOME: "/home" }, uid: 1, gid: 1, build, dataRoot: store });
const build = { version: "0", commit: "0" };

/** The start gets as far as a process. */
function starts(): void {
  const { pid } = child;
  const pidStart = processStart(pid) ?? 0;
  const state = { status: "running", pid, pidStart, startedAt: timestamp() } as const;
  changeRecord(container.directory, (record) => ({ ...record, state }));
}

test("rm without -f leaves a container alone that is started meanwhile", async () => {
  const removal = removeContainer(context(), { path: "", args: [] }, "web", {
    force: false,
    volumes: false,
  });
  const outcome = removal.then(() => "removed", (error: Error) => error.message);
  await Bun.sleep(20);
  starts();
  expect(await outcome).toContain("container is running");
  expect(child.killed).toBe(false);
  expect(processStart(child.pid)).toBeDefined();
});

test("stop waits for a start whose monitor does not listen yet, and ends it", async () => {
  changeRecord(container.directory, (record) => ({ ...record, state: { status: "created" } }));
  const stopping = beginStop(context(), "web", { seconds: 5 });
  await Bun.sleep(20);
  starts();
  const end = await stopping;
  await child.exited;
  expect(child.signalCode).toBe("SIGTERM");
  container.lock.release();
  end();
});

test("stop returns when the start has failed", async () => {
  changeRecord(container.directory, (record) => ({ ...record, state: { status: "created" } }));
  const stopping = beginStop(context(), "web", { seconds: 5 });
  await Bun.sleep(20);
  container.lock.release();
  (await stopping)();
  expect(readRecord(container.directory)?.state.status).toBe("created");
});

test("a container that was stopped while it was being started is ended once it runs", () => {
  const signals: number[] = [];
  const stopper = new Stopper();
  stopper.begin();
  stopper.stopped();
  const signal = (number: number) => void signals.push(number);
  const ended = Promise.resolve({ kind: "exited", code: 0 } as const);
  const running = { pid: 0, ended, signal, reap: () => {} };
  stopper.watch(running, { ...DEFAULT_OPTIONS, image: "x" }, 15, () => {});
  expect(signals).toEqual([15]);
});
