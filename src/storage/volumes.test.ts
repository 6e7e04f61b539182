import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitedState, recordOf } from "../../tests/support/container_records.ts";
import { writeRecord } from "./container_record.ts";
import { storePaths } from "./layout.ts";
import { detachAnonymousVolumes, volumeUsers, writeReferences } from "./volume_references.ts";
import { detachVolume, ensureVolume, findVolume, volumeNames, withVolumes } from "./volumes.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tsbox-volumes-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const make = (name: string, rest: object = {}) =>
  withVolumes(root, () => ensureVolume(root, { name, ...rest }));
const file = (name: string) => join(root, "volumes", name);

/** A container's directory that says what it uses. */
function user(id: string, ...references: { name: string; anonymous: boolean }[]): string {
  const directory = join(storePaths(root).containers, id);
  mkdirSync(directory, { recursive: true });
  withVolumes(root, () => writeReferences(directory, references));
  return directory;
}

test("a volume is made once, for its owner alone but for the data, and found again", () => {
  const before = process.umask(0o077);
  try {
    const volume = make("data", { labels: { a: "1" }, options: { type: "tmpfs" } });
    expect(volume).toMatchObject({ name: "data", labels: { a: "1" }, options: { type: "tmpfs" } });
    expect(make("data", { labels: { b: "2" } })).toEqual(volume);
    expect(findVolume(root, "data")).toEqual(volume);
  } finally {
    process.umask(before);
  }
  expect(statSync(file("")).mode & 0o777).toBe(0o700);
  expect(statSync(file("data")).mode & 0o777).toBe(0o700);
  expect(statSync(file("data/_data")).mode & 0o777).toBe(0o755);
  expect(volumeNames(root)).toEqual(["data"]);
  expect(findVolume(root, "other")).toBeUndefined();
});

test("names that lead elsewhere are no names, neither for making, finding nor removing", () => {
  for (
    const name of [
      "",
      "..",
      ".",
      "a/b",
      "../up",
      "/abs",
      ".new",
      "-x",
      "a\nb",
      "a\0b",
      "a".repeat(256),
    ]
  ) {
    for (
      const action of [
        make,
        (n: string) => findVolume(root, n),
        (n: string) => detachVolume(root, n),
      ]
    ) {
      expect(() => action(name)).toThrow(/volume name/);
    }
  }
  expect(volumeNames(root)).toEqual([]);
});

test("a damaged volume is an error when it is used, and can be taken away", () => {
  const damages: Record<string, string> = {
    "no JSON": "{",
    "no record": "[]",
    "another's": JSON.stringify({ name: "ot", created: "", labels: {}, options: {} }),
    "labels that are no words": '{"name":"data","created":"","labels":{"a":1},"options":{}}',
  };
  for (const text of Object.values(damages)) {
    make("data");
    writeFileSync(file("data/volume.json"), text);
    expect(() => findVolume(root, "data")).toThrow('Cannot use the volume "data"');
    expect(withVolumes(root, () => detachVolume(root, "data"))).toContain("/tmp/trash-volume-");
  }
  make("data");
  rmSync(file("data/_data"), { recursive: true });
  writeFileSync(file("data/_data"), "");
  expect(() => make("data")).toThrow('Cannot use the volume "data"');
});

test("what a killed maker left is no volume and does not get in the way", () => {
  make("one");
  mkdirSync(file(".new/_data/deep"), { recursive: true });
  writeFileSync(file(".new/volume.json"), "{");
  expect(volumeNames(root)).toEqual(["one"]);
  make("two");
  expect(readdirSync(file("")).sort()).toEqual(["one", "two"]);
});

test("the users of a volume are the containers that say so, also those without a record", () => {
  user("c1", { name: "shared", anonymous: false }, { name: "shared", anonymous: false });
  user("c2", { name: "shared", anonymous: true }, { name: "own", anonymous: true });
  writeFileSync(join(user("c3"), "volumes.json"), "torn {");
  mkdirSync(join(storePaths(root).containers, "c4"));
  expect(Object.fromEntries(volumeUsers(root))).toEqual({ shared: ["c1", "c2"], own: ["c2"] });
});

test("a container whose list of volumes a power cut emptied uses those of its record", () => {
  const id = "e".repeat(64);
  const directory = user(id, { name: "mine", anonymous: false });
  const mount = { target: "/m", readOnly: false, noCopy: false, origin: "volume" } as const;
  const mounts = [{ ...mount, type: "volume", name: "mine", anonymous: true }] as const;
  writeRecord(directory, recordOf({ id, name: "c" }, exitedState(0), { mounts: [...mounts] }));
  writeFileSync(join(directory, "volumes.json"), "");
  expect(Object.fromEntries(volumeUsers(root))).toEqual({ mine: [id] });
});

test("with a container go its anonymous volumes that nobody else uses", () => {
  for (const name of ["named", "own", "shared"]) make(name);
  const directory = user(
    "c1",
    { name: "named", anonymous: false },
    { name: "own", anonymous: true },
    { name: "shared", anonymous: true },
    { name: "never-made", anonymous: true },
  );
  const other = user("c2", { name: "shared", anonymous: true });
  expect(detachAnonymousVolumes(root, directory)).toHaveLength(1);
  expect(volumeNames(root)).toEqual(["named", "shared"]);
  rmSync(directory, { recursive: true });
  expect(detachAnonymousVolumes(root, other)).toHaveLength(1);
  expect(volumeNames(root)).toEqual(["named"]);
  expect(readFileSync(file("named/volume.json"), "utf8")).toContain('"named"');
});
