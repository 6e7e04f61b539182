import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, fstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { waitBlocking } from "../ffi/process.ts";
import type { IdRequest } from "./id_source.ts";
import { type KeeperRecord, readKeeper } from "./keeper_record.ts";
import { ownIdMap } from "./subids.ts";
import { keptUserNamespace, openUserNamespace, type UserNamespace } from "./user_namespace.ts";

const request: IdRequest = {
  uid: process.getuid?.() ?? -1,
  gid: process.getgid?.() ?? -1,
  mode: "auto",
};

let folder: string;
let path: string;
let made: UserNamespace;
let record: KeeperRecord;
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/tsbox-keeper-`);
  made = openUserNamespace(ownIdMap(request), folder);
  path = `${folder}/keeper-${made.map.kind}`;
  const found = readKeeper(path);
  if (found === undefined) throw new Error("no record was written");
  record = found;
});
afterEach(() => {
  closeSync(made.fd);
  end(record.pid);
  rmSync(folder, { recursive: true, force: true });
});

/** The keeper is a child of ours: until it is waited for, its namespace is still there. */
function end(keeper: number): void {
  process.kill(keeper, "SIGKILL");
  waitBlocking(keeper);
}

/** The namespace's number; it is closed. */
function inodeOf(userns: UserNamespace | undefined): number | undefined {
  if (userns === undefined) return undefined;
  const { ino } = fstatSync(userns.fd);
  closeSync(userns.fd);
  return ino;
}

function rewrite(change: Partial<KeeperRecord>): void {
  writeFileSync(path, JSON.stringify({ ...record, ...change }));
}

test("the kept namespace is opened again, with the ids it was made with", () => {
  const kept = keptUserNamespace(request, folder);
  const { kind, uids, gids } = made.map;
  expect(kept?.map).toEqual({ kind, uids, gids });
  expect(inodeOf(kept)).toBe(fstatSync(made.fd).ino);
  expect(readFileSync(`/proc/${record.pid}/uid_map`, "utf8")).toBe(record.uids);
});

test("when the files may say something else the ids are looked up, and the namespace kept if they do not", () => {
  rewrite({ source: "other files" });
  expect(keptUserNamespace(request, folder)).toBeUndefined();
  expect(inodeOf(openUserNamespace(ownIdMap(request), folder))).toBe(fstatSync(made.fd).ino);
  expect(inodeOf(keptUserNamespace(request, folder))).toBe(fstatSync(made.fd).ino);
});

test("another caller does not get the namespace", () => {
  expect(keptUserNamespace({ ...request, gid: request.gid + 1 }, folder)).toBeUndefined();
});

test("a process that got the keeper's number is not taken for it", () => {
  rewrite({ pid: process.pid });
  expect(keptUserNamespace(request, folder)).toBeUndefined();
});

test("a namespace that got the number of the kept one is not taken for it", () => {
  rewrite({ uids: record.uids.replace(/\d(?=\n)/, (digit) => String((Number(digit) + 1) % 10)) });
  expect(keptUserNamespace(request, folder)).toBeUndefined();
});

test("without its record, or with one of another version, a new namespace is made", () => {
  writeFileSync(path, `${record.pid} ${record.inode}\n`);
  expect(keptUserNamespace(request, folder)).toBeUndefined();
  const other = openUserNamespace(ownIdMap(request), folder);
  expect(inodeOf(other)).not.toBe(record.inode);
  end(readKeeper(path)?.pid ?? -1);
});

test("a keeper that has ended is replaced", () => {
  end(record.pid);
  expect(keptUserNamespace(request, folder)).toBeUndefined();
  const { fd } = openUserNamespace(ownIdMap(request), folder);
  closeSync(fd);
  const next = readKeeper(path);
  expect(next?.pid).not.toBe(record.pid);
  record = next ?? record;
});
