/** `run --pid host`: without a pid namespace nothing but us ends what a container leaves behind. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { TSBOX } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

test("processes that a container on the host's process ids leaves behind end with it", async () => {
  const script = "(sleep 98713 &); (sleep 98713 </dev/null >/dev/null 2>&1 &); exit 3";
  const done = Bun.spawnSync([TSBOX, ...box.words(["--pid", "host"], ["sh", "-c", script])], {
    cwd: box.home.path,
    env: box.home.env,
    stdin: "ignore",
    timeout: 20_000,
  });
  expect(done.exitCode).toBe(3);
  expect(processesWith("sleep\x0098713")).toEqual([]);
  // The guard, which has our command line, outlives us for a moment.
  await until("nothing is left", () => processesWith("sleep 98713").length === 0);
});
