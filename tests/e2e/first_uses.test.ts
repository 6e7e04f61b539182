/** What a start does not use: each of these is made ready by its first use, and that takes as long as ten functions. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { tsbox } from "../support/cli.ts";

const ROOT = join(import.meta.dir, "../..");

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

/** The sources, which keep nothing of a launch: so these are gone through that a usual start passes by. */
const WRITTEN_ANEW = ["rootless/launch/", "rootless/seccomp/", "ffi/process.ts Array forEach"];
/** What runs when the command does, and whoever waited knows it. */
const AFTERWARDS = [
  "engine/run/copy_streams.ts",
  "engine/run/signals.ts",
  "engine/run/discard.ts",
  "engine/run/life_record.ts Math",
  "engine/deliver.ts",
  "engine/monitor/life.ts",
  "rootless/cgroup/container_cgroup.ts RegExp",
  "rootless/cgroup/home.ts RegExp",
];

function unexpected(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").filter((use) =>
    use !== "" && ![...WRITTEN_ANEW, ...AFTERWARDS].some((known) => use.startsWith(known))
  );
}

const words = ["--preload", join(ROOT, "tests/support/first_uses.ts"), join(ROOT, "src/main.ts")];

test("a run in the foreground calls no callbacks of arrays, no expressions, no Math before its command runs", () => {
  const path = join(box.home.path, "foreground");
  const { exitCode, stderr } = Bun.spawnSync([
    process.execPath,
    ...words,
    ...box.words([], ["true"]),
  ], {
    env: { ...box.home.env, FIRST_USES: path },
  });
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
  expect(unexpected(path)).toEqual([]);
});

test("nor does one in the background", async () => {
  const path = join(box.home.path, "background");
  const run = [
    "run",
    "-d",
    "--name",
    "first-uses",
    "--network",
    "none",
    box.image,
    "sleep",
    "1000",
  ];
  // As the executable's first instructions start it: descriptor 3 leads to who waits.
  const monitor = Bun.spawn([
    "sh",
    "-c",
    'exec "$@" 3>/dev/null',
    "sh",
    process.execPath,
    ...words,
    ...run,
  ], {
    env: { ...box.home.env, FIRST_USES: path, TSBOX_BEGUN: "3" },
    stdout: "pipe",
  });
  await until("the monitor has written it", () => existsSync(path));
  expect(unexpected(path)).toEqual([]);
  await tsbox(["rm", "-f", "first-uses"], { home: box.home });
  await monitor.exited;
});
