import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { exitedState, killedRun, storeContainer } from "../../tests/support/container_records.ts";
import { changeRecord } from "./container_record.ts";
import { listContainers, scanLivingContainers } from "./containers.ts";
import type { NewContainer } from "./containers.ts";

const MANY = 25;
/** Longer than the time in which a file may have been written twice. */
const OLD = 2100;

let store: string;
let ended: NewContainer[];
beforeEach(async () => {
  store = mkdtempSync(`${tmpdir()}/resting-`);
  ended = Array.from({ length: MANY }, (_, i) => storeContainer(store, `c${i}`, exitedState(0)));
  for (const { lock } of ended) lock.release();
  await Bun.sleep(OLD);
});
afterEach(() => rmSync(store, { recursive: true }));

const living = () =>
  scanLivingContainers(store).containers.filter(({ record }) => record.state.status === "running")
    .map(({ record }) => record.name);
const looked = () => scanLivingContainers(store).containers.length;

test("containers that have ended are read once, and each again when its record was written", () => {
  expect(looked()).toBe(MANY);
  expect(looked()).toBe(0);
  changeRecord(ended[3]?.directory ?? "", (record) => ({ ...record, name: "other" }));
  expect(scanLivingContainers(store).containers.map(({ record }) => record.name)).toEqual([
    "other",
  ]);
  expect(listContainers(store).length).toBe(MANY);
});

test("one that runs again is seen at once, also with a record of the same size and times", () => {
  expect(looked()).toBe(MANY);
  const { directory = "", lock } = storeContainer(store, "live", killedRun());
  expect(living()).toEqual(["live"]);
  lock.release();
  expect(living()).toEqual([]);
  const first = ended[0]?.directory ?? "";
  const state = killedRun();
  changeRecord(first, (record) => ({ ...record, state: { ...state, pid: process.pid } }));
  utimesSync(`${first}/container.json`, 1, 1);
  // Nobody holds its lock, and its process is not the one that it says.
  const found = scanLivingContainers(store).containers.map(({ record }) => record.state.status);
  expect(found).toContain("exited");
  expect(directory).not.toBe("");
});

test("what is written there is believed no more than a record: damage costs time, not truth", () => {
  expect(looked()).toBe(MANY);
  writeFileSync(`${store}/resting`, "\0\0\0garbage\n\n");
  expect(looked()).toBe(MANY);
  rmSync(`${store}/resting`);
  expect(looked()).toBe(MANY);
  expect(existsSync(`${store}/resting`)).toBe(true);
});

test("a container that was removed is in no list", () => {
  expect(looked()).toBe(MANY);
  for (const { directory } of ended) rmSync(directory, { recursive: true });
  expect(looked()).toBe(0);
});
