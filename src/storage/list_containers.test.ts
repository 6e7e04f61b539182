import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import {
  exitedState,
  killedRun,
  liveRun,
  storeContainer,
} from "../../tests/support/container_records.ts";
import { processStart } from "./container_lock.ts";
import { changeRecord } from "./container_record.ts";
import { isAbandoned, listContainers } from "./containers.ts";
import { scanForList } from "./list_containers.ts";
import type { NewContainer } from "./containers.ts";
import { listedRecord } from "./listed_record.ts";

const MANY = 25;
/** Longer than the time in which a file may have been written twice. */
const OLD = 2100;

interface Prepared {
  store: string;
  ended: NewContainer[];
}

/** For each test one, all made at the same time: they have to grow old. */
const prepared: Prepared[] = [];
let { store, ended }: Prepared = { store: "", ended: [] };
beforeAll(async () => {
  for (let i = 0; i < 8; i++) prepared.push(prepare());
  await Bun.sleep(OLD);
});
beforeEach(() => {
  ({ store, ended } = prepared.pop() ?? prepare());
});
afterEach(() => rmSync(store, { recursive: true }));

function prepare(): Prepared {
  const store = mkdtempSync(`${tmpdir()}/listed-`);
  const ended = Array.from(
    { length: MANY },
    (_, i) => storeContainer(store, `c${i}`, exitedState(0)),
  );
  for (const { lock } of ended) lock.release();
  // As in a store that does not know which of its containers are at rest, or in which very many are not.
  rmSync(`${store}/unsettled`, { recursive: true });
  return { store, ended };
}

const scanned = (resting = false) => scanForList(store, { resting }).containers;
const living = () =>
  scanned().filter(({ record }) => record.state.status === "running")
    .map(({ record }) => record.name);
const looked = () => scanned().length;

test("containers that have ended are read once, and each again when its record was written", () => {
  expect(looked()).toBe(MANY);
  expect(looked()).toBe(0);
  changeRecord(ended[3]?.directory ?? "", (record) => ({ ...record, name: "other" }));
  expect(scanned().map(({ record }) => record.name)).toEqual(["other"]);
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
  const found = scanned().map(({ record }) => record.state.status);
  expect(found).toContain("exited");
  expect(directory).not.toBe("");
});

test("what is written there is believed no more than a record: damage costs time, not truth", () => {
  expect(looked()).toBe(MANY);
  writeFileSync(`${store}/listed`, "\0\0\0garbage\n\n");
  expect(looked()).toBe(MANY);
  rmSync(`${store}/listed`);
  expect(looked()).toBe(MANY);
  expect(existsSync(`${store}/listed`)).toBe(true);
});

test("what lists show of them is the same when it is not read again", () => {
  const shown = () => scanned(true).map((c) => ({ ...c, record: listedRecord(c.record) }));
  const first = shown();
  expect(first.length).toBe(MANY);
  expect(looked()).toBe(0);
  expect(shown()).toEqual(first);
  // That nothing is read again shows by a mark of our own in what was kept.
  const kept = readFileSync(`${store}/listed`, "utf8");
  writeFileSync(`${store}/listed`, kept.replace('"name":"c7"', '"name":"kept"'));
  expect(scanned(true).map(({ record }) => record.name)).toContain("kept");
  const { directory = "" } = ended[0] ?? {};
  changeRecord(directory, (record) => ({ ...record, name: "other" }));
  expect(scanned(true).find((c) => c.directory === directory)?.record.name).toBe("other");
});

test("one that runs is believed as long as its process lives", async () => {
  const live = Array.from({ length: MANY }, (_, i) => storeContainer(store, `r${i}`, liveRun()));
  const doomed = Bun.spawn(["sleep", "1000"]);
  const process = { pid: doomed.pid, pidStart: processStart(doomed.pid) ?? 0 };
  const { lock } = storeContainer(store, "doomed", { ...liveRun(), ...process });
  await Bun.sleep(OLD);
  expect(living().length).toBe(MANY + 1);
  // That nothing is read again shows by a mark of our own in what was kept.
  const kept = readFileSync(`${store}/listed`, "utf8");
  writeFileSync(`${store}/listed`, kept.replace('"name":"r7"', '"name":"kept"'));
  expect(living()).toContain("kept");
  doomed.kill(9);
  await doomed.exited;
  lock.release();
  expect(living()).not.toContain("doomed");
  expect(living().length).toBe(MANY);
  for (const container of live) container.lock.release();
});

test("an ended run --rm is looked at each time, for it may be abandoned the next", async () => {
  const { lock } = storeContainer(store, "brief", exitedState(0), { remove: true });
  await Bun.sleep(OLD);
  expect(looked()).toBe(MANY + 1);
  lock.release();
  expect(scanned().filter(isAbandoned).map(({ record }) => record.name)).toEqual(["brief"]);
});

test("a folder without a record, and names that are no ids, are found too", () => {
  const folders = ["a".repeat(64), "a".repeat(63), "b".repeat(100)];
  for (const name of folders) mkdirSync(`${store}/containers/${name}`);
  expect(scanForList(store, { resting: true }).unrecorded.toSorted()).toEqual(
    folders.toSorted().map((name) => `${store}/containers/${name}`),
  );
});

test("a container that was removed is in no list", () => {
  expect(looked()).toBe(MANY);
  for (const { directory } of ended) rmSync(directory, { recursive: true });
  expect(looked()).toBe(0);
});
