import { afterEach, beforeEach, expect, setSystemTime, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import {
  exitedState,
  killedRun,
  liveRun,
  storeContainer,
} from "../../tests/support/container_records.ts";
import { changeRecord } from "./container_record.ts";
import { createContainer, deleteContainer, isAbandoned } from "./containers.ts";
import { openStore } from "./layout.ts";
import { scanForList } from "./list_containers.ts";

let store = "";
beforeEach(() => {
  store = mkdtempSync(`${tmpdir()}/unsettled-`);
});
afterEach(() => {
  setSystemTime();
  rmSync(store, { recursive: true });
});

const MINUTE = 60_000;
const links = () => readdirSync(`${store}/unsettled`).toSorted();
const seen = () => scanForList(store, { resting: false });
const names = () => seen().containers.map(({ record }) => record.name);

test("a container is unsettled from before it is there until it is at rest or gone", () => {
  const made = createContainer(store, {});
  expect(links()).toEqual([made.id]);
  rmSync(made.directory, { recursive: true });
  made.lock.release();
  const { id, directory, lock } = storeContainer(store, "c", liveRun());
  expect(links()).toContain(id);
  changeRecord(directory, (record) => ({ ...record, state: exitedState(0) }));
  expect(links()).not.toContain(id);
  const [startedAt, finishedAt] = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"];
  const state = { status: "restarting", exitCode: 1, startedAt, finishedAt } as const;
  changeRecord(directory, (record) => ({ ...record, state }));
  expect(links()).toContain(id);
  deleteContainer(store, { id, name: "c", directory, lock });
  expect(links()).not.toContain(id);
});

test("an ended container of run --rm stays so until it is deleted", () => {
  const { id, directory, lock } = storeContainer(store, "c", exitedState(0), { remove: true });
  expect(links()).toEqual([id]);
  lock.release();
  expect(seen().containers.filter(isAbandoned).map(({ record }) => record.id)).toEqual([id]);
  expect(links()).toEqual([id]);
  expect(deleteContainer(store, { id, name: "c", directory, lock })).toBeUndefined();
  expect(links()).toEqual([]);
});

test("a list of those that run looks at no other", () => {
  const resting = storeContainer(store, "resting", exitedState(0));
  const live = storeContainer(store, "live", liveRun());
  resting.lock.release();
  expect(names()).toEqual(["live"]);
  live.lock.release();
});

test("one whose process was killed is found, settled and looked at no more", () => {
  const { id, lock } = storeContainer(store, "c", killedRun());
  lock.release();
  expect(links()).toEqual([id]);
  expect(seen().containers.map(({ record }) => record.state.status)).toEqual(["exited"]);
  expect(links()).toEqual([]);
});

test("what a killed process left is found: a directory without a record, a link to one at rest, a link alone", () => {
  const unmade = createContainer(store, {});
  unmade.lock.release();
  const resting = storeContainer(store, "resting", exitedState(0));
  resting.lock.release();
  symlinkSync("-", `${store}/unsettled/${resting.id}`);
  const alone = "a".repeat(64);
  symlinkSync("-", `${store}/unsettled/${alone}`);
  expect(seen().unrecorded).toContain(unmade.directory);
  // The one alone may be that of a container that is being made this moment.
  expect(links()).toEqual([alone, unmade.id].toSorted());
});

test("a link to one at rest stays while its owner may be starting it", () => {
  const { id, lock } = storeContainer(store, "c", exitedState(0));
  symlinkSync("-", `${store}/unsettled/${id}`);
  expect(names()).toEqual(["c"]);
  expect(links()).toEqual([id]);
  lock.release();
  expect(names()).toEqual(["c"]);
  expect(links()).toEqual([]);
});

test("a store without the folder is looked through as a whole, and goes on without it", () => {
  storeContainer(store, "first", exitedState(0)).lock.release();
  renameSync(`${store}/unsettled`, `${store}/other`);
  const live = storeContainer(store, "live", liveRun());
  expect(names().toSorted()).toEqual(["first", "live"]);
  expect(existsSync(`${store}/unsettled`)).toBe(false);
  live.lock.release();
});

test("many links to containers that are at rest or gone do not stay", () => {
  const live = storeContainer(store, "live", liveRun());
  for (let i = 0; i < 20; i++) {
    const { id, lock } = storeContainer(store, `resting${i}`, exitedState(0));
    lock.release();
    symlinkSync("-", `${store}/unsettled/${id}`);
    symlinkSync("-", `${store}/unsettled/${i}`);
  }
  setSystemTime(Date.now() + 2 * MINUTE);
  expect(names()).toContain("live");
  expect(links()).toEqual([live.id]);
  live.lock.release();
});

test("a link without a container goes after a minute, also where the clock was wrong", () => {
  mkdirSync(`${store}/unsettled`);
  const alone = `${store}/unsettled/${"a".repeat(64)}`;
  for (const minutes of [2, -2]) {
    setSystemTime();
    symlinkSync("-", alone);
    seen();
    expect(links()).toHaveLength(1);
    setSystemTime(Date.now() + minutes * MINUTE);
    seen();
    expect(links()).toEqual([]);
  }
});

test("a store of before that is made whole again does not get the folder", () => {
  const live = storeContainer(store, "live", liveRun());
  rmSync(`${store}/unsettled`, { recursive: true });
  rmSync(`${store}/tmp`, { recursive: true });
  openStore(store);
  expect(names()).toEqual(["live"]);
  live.lock.release();
});

test("more of them than a few are looked at as a whole", () => {
  mkdirSync(`${store}/unsettled`);
  const live = storeContainer(store, "live", liveRun());
  for (let i = 0; i < 40; i++) symlinkSync("-", `${store}/unsettled/${i}`);
  expect(names()).toEqual(["live"]);
  live.lock.release();
});
