import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { HOST_FILES, type IdFiles, type IdRequest, idSource } from "./id_source.ts";

const alice: IdRequest = { uid: 1000, gid: 1000, name: "alice", mode: "auto" };

let folder: string;
let files: IdFiles;
beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/tsbox-source-`);
  const [passwd, subuid, subgid] = ["passwd", "subuid", "subgid"].map((n) => `${folder}/${n}`);
  files = { ...HOST_FILES, passwd: passwd ?? "", subuid: subuid ?? "", subgid: subgid ?? "" };
  for (const path of [files.passwd, files.subuid, files.subgid]) {
    writeFileSync(path, "alice:100000:65536\n");
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the source stays the same while nothing changes", () => {
  expect(idSource(alice, files)).toBe(idSource({ ...alice }, files));
});

test("another caller, group or name has another source", () => {
  const others: IdRequest[] = [
    { ...alice, uid: 1001 },
    { ...alice, gid: 1001 },
    { ...alice, name: "bob" },
    { ...alice, mode: "single" },
  ];
  const sources = [alice, ...others].map((request) => idSource(request, files));
  expect(new Set(sources).size).toBe(sources.length);
});

test("writing to any of the files changes the source, also with the size and the old time kept", async () => {
  for (const path of [files.passwd, files.subuid, files.subgid]) {
    const before = idSource(alice, files);
    utimesSync(path, 1, 1);
    // The kernel's time of change advances by clock ticks.
    await Bun.sleep(20);
    writeFileSync(path, "alice:200000:65536\n");
    utimesSync(path, 1, 1);
    expect(idSource(alice, files)).not.toBe(before);
  }
});

test("replacing a file and removing it change the source", () => {
  const before = idSource(alice, files);
  writeFileSync(`${folder}/new`, "alice:200000:65536\n");
  renameSync(`${folder}/new`, files.subuid);
  const replaced = idSource(alice, files);
  rmSync(files.subuid);
  expect(new Set([before, replaced, idSource(alice, files)]).size).toBe(3);
});

test("the caller's own id alone comes from no file", () => {
  const single: IdRequest = { ...alice, mode: "single" };
  const before = idSource(single, files);
  rmSync(files.subgid);
  expect(idSource(single, files)).toBe(before);
});
