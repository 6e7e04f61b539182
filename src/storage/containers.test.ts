import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { killedRun, recordOf } from "../../tests/support/container_records.ts";
import { currentBoot, processStart, tryLock } from "./container_lock.ts";
import { randomName } from "./container_name.ts";
import { changeRecord, readRecord, timestamp, writeRecord } from "./container_record.ts";
import {
  createContainer,
  deleteContainer,
  isAbandoned,
  isAbandonedDirectory,
  listContainers,
  type NewContainer,
  scanContainers,
} from "./containers.ts";
import { findContainer } from "./find_container.ts";
import { nameOf, releaseName, reserveName } from "./container_name.ts";

let store = "";
beforeEach(() => {
  store = mkdtempSync(`${tmpdir()}/containers-`);
});
afterEach(() => rmSync(store, { recursive: true, force: true }));

function messageFrom(action: () => unknown): string {
  try {
    action();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : "";
  }
  return "nothing was thrown";
}

test("a container gets a hexadecimal id, a private directory and a name that leads to it", () => {
  const made = createContainer(store, { name: "web" });
  expect(made.id).toMatch(/^[0-9a-f]{64}$/);
  expect(readlinkSync(`${store}/names/web`)).toBe(made.id);
  expect(readdirSync(made.directory)).toEqual(["lock"]);
  made.lock.release();
});

test("a taken name is refused in docker's words and leaves nothing behind", () => {
  const first = createContainer(store, { name: "web" });
  expect(messageFrom(() => createContainer(store, { name: "web" }))).toBe(
    `Conflict. The container name "/web" is already in use by container "${first.id}". ` +
      "You have to remove (or rename) that container to be able to reuse that name.",
  );
  expect(readdirSync(`${store}/containers`)).toEqual([first.id]);
  first.lock.release();
});

test("a name whose container does not exist any more is taken over", () => {
  mkdirSync(`${store}/names`);
  symlinkSync("f".repeat(64), `${store}/names/web`);
  const made = createContainer(store, { name: "web" });
  expect(readlinkSync(`${store}/names/web`)).toBe(made.id);
  made.lock.release();
});

test("containers without a wanted name get different names of two words", () => {
  const made = Array.from({ length: 50 }, () => createContainer(store, {}));
  expect(new Set(made.map((c) => c.name)).size).toBe(50);
  for (const { name, lock } of made) {
    expect(name).toMatch(/^[a-z]+_[a-z]+\d{0,3}$/);
    lock.release();
  }
  expect(randomName(() => 0)).toBe("agile_abel");
  expect(randomName(() => 0.9999)).toBe("zesty_yonath");
});

test("a record comes back as it was written, and a torn one reads as none", () => {
  const made = createContainer(store, {});
  const record = recordOf(made, { status: "created" });
  writeRecord(made.directory, record);
  expect(readRecord(made.directory)).toEqual(record);
  for (const torn of ["", '{"id":', "[]", '{"id":"a"}', JSON.stringify({ ...record, state: {} })]) {
    writeFileSync(`${made.directory}/container.json`, torn);
    expect(readRecord(made.directory)).toBeUndefined();
  }
  made.lock.release();
});

test("a container whose run process holds the lock is running, whatever happened to its pid", () => {
  const made = createContainer(store, {});
  writeRecord(made.directory, recordOf(made, killedRun()));
  expect(listContainers(store).map((c) => [c.owned, c.record.state.status])).toEqual([
    [true, "running"],
  ]);
  made.lock.release();
});

test("a container whose run process was killed is settled as exited with 137, once", () => {
  const made = createContainer(store, {});
  writeRecord(made.directory, recordOf(made, killedRun()));
  made.lock.release();
  const [first] = listContainers(store);
  expect(first?.record.state).toMatchObject({ status: "exited", exitCode: 137 });
  expect(listContainers(store)).toEqual(first === undefined ? [] : [first]);
});

test("a container whose own process still lives is not settled", () => {
  const made = createContainer(store, {});
  const state = {
    status: "running",
    pid: process.pid,
    pidStart: processStart(process.pid) ?? 0,
    startedAt: timestamp(),
  } as const;
  writeRecord(made.directory, recordOf(made, state));
  made.lock.release();
  expect(listContainers(store)[0]?.record.state).toEqual(state);
});

test("a container of another boot has ended, though its process number and start time mean a process now", () => {
  const made = createContainer(store, {});
  const state = {
    status: "running",
    pid: process.pid,
    pidStart: processStart(process.pid) ?? 0,
    startedAt: timestamp(),
  } as const;
  writeRecord(made.directory, recordOf(made, { ...state, bootId: currentBoot() }));
  made.lock.release();
  expect(listContainers(store)[0]?.record.state.status).toBe("running");
  const before = "00000000-0000-4000-8000-000000000000";
  writeRecord(made.directory, recordOf(made, { ...state, bootId: before }));
  expect(listContainers(store)[0]?.record.state).toMatchObject({
    status: "exited",
    exitCode: 137,
    error: "the host was started anew while it ran",
  });
});

test("looking at a container twice at once does not make either look like the owner", () => {
  const made = createContainer(store, {});
  writeRecord(made.directory, recordOf(made, killedRun()));
  made.lock.release();
  const other = tryLock(made.directory, "shared");
  expect(listContainers(store)[0]?.owned).toBe(false);
  expect(tryLock(made.directory, "exclusive")).toBeUndefined();
  other?.release();
});

test("what a killed `run --rm` left is abandoned, a living one's is not", () => {
  const dead = createContainer(store, { name: "dead" });
  const live = createContainer(store, { name: "live" });
  for (const made of [dead, live]) {
    writeRecord(made.directory, recordOf(made, killedRun(), { remove: true }));
  }
  dead.lock.release();
  expect(listContainers(store).filter(isAbandoned).map((c) => c.record.name)).toEqual(["dead"]);
  live.lock.release();
});

test("containers are listed newest first", () => {
  for (const name of ["one", "two", "three"]) {
    const made = createContainer(store, { name });
    writeRecord(made.directory, recordOf(made, { status: "created" }));
    made.lock.release();
  }
  expect(listContainers(store).map((c) => c.record.name)).toEqual(["three", "two", "one"]);
});

test("a store that was never used has no containers", () => {
  expect(scanContainers(`${store}/none`)).toEqual({ containers: [], unrecorded: [], damaged: [] });
});

test("a directory without a record is left alone while its maker lives and abandoned afterwards", () => {
  const made = createContainer(store, {});
  expect(scanContainers(store)).toEqual({
    containers: [],
    unrecorded: [made.directory],
    damaged: [],
  });
  expect(isAbandonedDirectory(made.directory)).toBe(false);
  made.lock.release();
  expect(isAbandonedDirectory(made.directory)).toBe(true);
  expect(nameOf(store, made.id)).toBe(made.name);
});

test("a container is found by id, by name with or without a slash, and by prefix", () => {
  const made = createContainer(store, { name: "web" });
  writeRecord(made.directory, recordOf(made, { status: "created" }));
  for (const text of [made.id, "web", "/web", made.id.slice(0, 12), made.id.slice(0, 1)]) {
    expect(findContainer(store, text).record.id).toBe(made.id);
  }
  made.lock.release();
});

test("a name goes before a prefix", () => {
  const [one, two] = [createContainer(store, {}), createContainer(store, { name: "abc" })];
  renameId(one, "abc".padEnd(64, "0"));
  for (const made of [one, two]) {
    writeRecord(made.directory, recordOf(made, { status: "created" }));
  }
  expect(findContainer(store, "abc").record.id).toBe(two.id);
  expect(findContainer(store, "abc0").record.id).toBe(one.id);
  for (const made of [one, two]) made.lock.release();
});

test("an ambiguous prefix and an unknown container are refused in docker's words", () => {
  const [one, two] = [createContainer(store, {}), createContainer(store, {})];
  renameId(one, "aa".padEnd(64, "0"));
  renameId(two, "aa".padEnd(64, "1"));
  expect(messageFrom(() => findContainer(store, "aa"))).toBe(
    "Multiple IDs found with provided prefix: aa",
  );
  for (const text of ["nobody", "", "..", "../tmp", "a/b", "a".repeat(64)]) {
    expect(messageFrom(() => findContainer(store, text))).toBe(`No such container: ${text}`);
  }
  for (const made of [one, two]) made.lock.release();
});

function renameId(made: NewContainer, id: string): void {
  const directory = `${store}/containers/${id}`;
  rmSync(made.directory, { recursive: true });
  mkdirSync(directory);
  writeFileSync(`${directory}/lock`, "");
  Object.assign(made, { id, directory });
}

test("a deleted container leaves no directory and no name, and its name can be used again", () => {
  const made = createContainer(store, { name: "web" });
  writeRecord(made.directory, recordOf(made, { status: "created" }));
  mkdirSync(`${made.directory}/work/work`, { recursive: true });
  chmodSync(`${made.directory}/work/work`, 0);
  mkdirSync(`${made.directory}/upper/deep`, { recursive: true });
  writeFileSync(`${store}/outside`, "kept");
  symlinkSync(`${store}`, `${made.directory}/upper/deep/link`);
  expect(deleteContainer(store, made)).toBeUndefined();
  for (const part of ["containers", "names", "tmp"]) {
    expect(readdirSync(`${store}/${part}`)).toEqual([]);
  }
  expect(existsSync(`${store}/outside`)).toBe(true);
  expect(deleteContainer(store, made)).toBeUndefined();
  createContainer(store, { name: "web" }).lock.release();
});

test("deleting gives back the name that a container got meanwhile, and those of a rename that was cut", () => {
  const renamed = createContainer(store, { name: "web" });
  reserveName(store, renamed.id, "site");
  releaseName(store, renamed.id, "web");
  writeRecord(renamed.directory, { ...recordOf(renamed, killedRun()), name: "site" });
  deleteContainer(store, renamed);
  expect(readdirSync(`${store}/names`)).toEqual([]);
  const cut = createContainer(store, { name: "web" });
  reserveName(store, cut.id, "site");
  deleteContainer(store, { ...cut, otherName: "site" });
  expect(readdirSync(`${store}/names`)).toEqual([]);
});

test("a name that a cut rename has taken can be taken by the same container", () => {
  const made = createContainer(store, { name: "web" });
  reserveName(store, made.id, "site");
  expect(reserveName(store, made.id, "site")).toBe("site");
  made.lock.release();
});

test("deleting keeps a name that leads to another container by now", () => {
  const made = createContainer(store, { name: "web" });
  rmSync(`${store}/names/web`);
  const other = createContainer(store, { name: "web" });
  deleteContainer(store, made);
  expect(readlinkSync(`${store}/names/web`)).toBe(other.id);
  other.lock.release();
});

test("timestamps of one moment sort in the order they were taken", () => {
  const times = Array.from({ length: 100 }, timestamp);
  expect(times).toEqual([...times].sort());
  expect(times[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test("a record or a name that leads out of the store is none", () => {
  const made = createContainer(store, { name: "web" });
  const hostile = [
    { id: "../../etc" },
    { id: "0".repeat(64) },
    { name: "../images.json" },
    { otherName: "../images.json" },
  ];
  for (const part of hostile) {
    writeRecord(made.directory, { ...recordOf(made, killedRun()), ...part });
    expect(readRecord(made.directory)).toBeUndefined();
    expect(messageFrom(() => findContainer(store, "web"))).toStartWith(
      "Cannot use the container web",
    );
  }
  writeRecord(made.directory, recordOf(made, killedRun()));
  expect(readRecord(made.directory)?.name).toBe("web");
  rmSync(`${store}/names/web`);
  symlinkSync(`../containers/${made.id}`, `${store}/names/web`);
  expect(messageFrom(() => findContainer(store, "web"))).toBe("No such container: web");
  made.lock.release();
});

test("changing the record of a container that is deleted meanwhile changes nothing", () => {
  const made = createContainer(store, { name: "web" });
  writeRecord(made.directory, recordOf(made, killedRun()));
  const changed = changeRecord(made.directory, (record) => {
    deleteContainer(store, made);
    return record;
  });
  expect(changed).toBeUndefined();
  expect(changeRecord(made.directory, (record) => record)).toBeUndefined();
  expect(readdirSync(`${store}/containers`)).toEqual([]);
});
