import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { exitedState, killedRun, storeContainer } from "../../tests/support/container_records.ts";
import { SELF } from "../../tests/support/worker.ts";
import { openStore } from "../storage/layout.ts";
import { type EngineContext, makeContext } from "./context.ts";
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
