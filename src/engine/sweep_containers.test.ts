import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  exitedState,
  killedRun,
  recordOf,
  storeContainer,
} from "../../tests/support/container_records.ts";
import { SELF } from "../../tests/support/worker.ts";
import { findContainer } from "../storage/find_container.ts";
import { openStore } from "../storage/layout.ts";
import { type EngineContext, makeContext } from "./context.ts";
import { removeContainer } from "./remove.ts";
import { sweepContainers } from "./sweep_containers.ts";

let home: string;
let context: EngineContext;
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/sweep-`);
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const build = { version: "0", commit: "test" };
  context = makeContext({ env: { HOME: home }, ...ids, build, dataRoot: `${home}/store` });
  openStore(context.dataRoot);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const namesIn = (folder: string) => readdirSync(`${context.dataRoot}/${folder}`);

test("a deletion that was killed half way is finished", async () => {
  // What overlayfs leaves is the last to go, in a directory without permissions.
  const tree = `${context.dataRoot}/tmp/trash-container-${"a".repeat(64)}`;
  mkdirSync(`${tree}/work/work/incompat`, { recursive: true, mode: 0o700 });
  writeFileSync(`${tree}/work/work/incompat/volatile`, "");
  await sweepContainers(context, SELF);
  expect(namesIn("tmp")).toEqual([]);
});

test("what is being made in tmp/ stays", async () => {
  mkdirSync(`${context.dataRoot}/tmp/layer-1`);
  await sweepContainers(context, SELF);
  expect(namesIn("tmp")).toEqual(["layer-1"]);
});

test("of the containers whose run was killed only those of run --rm go, with their names", async () => {
  storeContainer(context.dataRoot, "kept", exitedState(0)).lock.release();
  storeContainer(context.dataRoot, "gone", killedRun(), { remove: true }).lock.release();
  await sweepContainers(context, SELF);
  expect(namesIn("names")).toEqual(["kept"]);
  expect(namesIn("containers").length).toBe(1);
  expect(namesIn("tmp")).toEqual([]);
});

test("a container whose record cannot be read keeps its files and its name, until it is removed by the user", async () => {
  const { id, directory, lock } = storeContainer(context.dataRoot, "torn", exitedState(0));
  mkdirSync(`${directory}/upper`);
  writeFileSync(`${directory}/upper/work of weeks`, "");
  const remove = (force: boolean) =>
    removeContainer(context, SELF, "torn", { force, volumes: false });
  // What a power cut leaves of a file; what a newer tsbox may write.
  for (
    const text of [
      "",
      JSON.stringify({
        ...recordOf({ id, name: "torn" }, exitedState(0)),
        state: { status: "frozen" },
      }),
    ]
  ) {
    writeFileSync(`${directory}/container.json`, text);
    await sweepContainers(context, SELF);
    expect(readdirSync(`${directory}/upper`)).toEqual(["work of weeks"]);
    expect(namesIn("names")).toEqual(["torn"]);
    expect(() => findContainer(context.dataRoot, id.slice(0, 12))).toThrow(
      `Cannot use the container ${id.slice(0, 12)}: its record cannot be read`,
    );
  }
  // A newer tsbox has it running.
  expect(remove(false)).rejects.toThrow("something has it locked");
  lock.release();
  await remove(false);
  expect([namesIn("names"), namesIn("containers"), namesIn("tmp")]).toEqual([[], [], []]);
});
