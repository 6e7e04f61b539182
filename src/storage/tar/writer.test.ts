import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TarEntry } from "./entry.ts";
import { TarReader } from "./reader.ts";
import { ARCHIVE_END, memberHeader, type NewMember, paddingAfter, storedSize } from "./writer.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbox-tar-"));
afterAll(() => rmSync(folder, { recursive: true }));

const FILE: NewMember = {
  kind: "file",
  name: "f",
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1, nanoseconds: 0 },
  size: 0,
};

/** An archive of members with their data. */
function archive(members: readonly [NewMember, string?][]): Buffer<ArrayBuffer> {
  const parts = members.flatMap(([member, data = ""]) => [
    memberHeader(member),
    Buffer.from(data),
    paddingAfter(storedSize(member)),
  ]);
  return Buffer.concat([...parts, ARCHIVE_END]);
}

/** What our own reader finds, with the data of every file. */
function read(bytes: Uint8Array): { entry: TarEntry; data: string }[] {
  const found: { entry: TarEntry; data: string }[] = [];
  const reader = new TarReader({
    entry: (entry) => void found.push({ entry, data: "" }),
    data: (piece, position) => {
      const last = found.at(-1);
      if (last) last.data = last.data.padEnd(position, "\0") + Buffer.from(piece).toString();
    },
    endFile: () => {},
  });
  reader.write(bytes);
  reader.end();
  return found;
}

test("what is written is read again, field by field", () => {
  const long = "d/".repeat(80) + "é\xff";
  const member: NewMember = {
    kind: "file",
    name: long,
    mode: 0o4751,
    uid: 3_000_000,
    gid: 2_097_152,
    mtime: { seconds: -2, nanoseconds: 750_000_000 },
    size: 5,
    xattrs: [{ name: "security.capability", value: new Uint8Array([1, 0, 10, 61, 255]) }],
  };
  const [found] = read(archive([[member, "hello"]]));
  expect(found?.entry).toMatchObject({ ...member, xattrs: [{ name: "security.capability" }] });
  expect([...(found?.entry.xattrs[0]?.value ?? [])]).toEqual([1, 0, 10, 61, 255]);
  expect(found?.data).toBe("hello");
});

test("every kind of member is read again as what it is", () => {
  const members: NewMember[] = [
    { ...FILE, kind: "directory", name: "d", mode: 0o1777 },
    { ...FILE, kind: "symlink", name: "l", link: "t".repeat(150) },
    { ...FILE, kind: "hardlink", name: "h", link: "f" },
    { ...FILE, kind: "fifo", name: "p" },
  ];
  const found = read(archive(members.map((member) => [member])));
  expect(found.map(({ entry }) => [entry.kind, entry.name, entry.link])).toEqual([
    ["directory", "d/", ""],
    ["symlink", "l", "t".repeat(150)],
    ["hardlink", "h", "f"],
    ["fifo", "p", ""],
  ]);
});

test("a name of exactly a hundred bytes needs no extended header", () => {
  expect(memberHeader({ ...FILE, name: "n".repeat(100) })).toHaveLength(512);
  expect(memberHeader({ ...FILE, name: "n".repeat(101) }).length).toBeGreaterThan(512);
});

test("the length of a pax record counts its own digits where they become more", () => {
  for (let length = 80; length < 120; length++) {
    const name = "x".repeat(100) + "y".repeat(length);
    expect(read(archive([[{ ...FILE, name }]]))[0]?.entry.name).toBe(name);
  }
});

test("a size of more than 8 GiB is kept", () => {
  const header = memberHeader({ ...FILE, size: 9 * 2 ** 30 });
  const sizes: number[] = [];
  const reader = new TarReader({
    entry: ({ size }) => void sizes.push(size),
    data: () => {},
    endFile: () => {},
  });
  reader.write(header);
  expect(sizes).toEqual([9 * 2 ** 30]);
});

test("GNU tar unpacks it with names, times, links and holes", () => {
  const sparse = [{ offset: 1_000_000, length: 4 }];
  const members: [NewMember, string?][] = [
    [{ ...FILE, kind: "directory", name: "d", mode: 0o750 }],
    [{ ...FILE, name: "d/é", size: 3, mtime: { seconds: 5, nanoseconds: 500_000_000 } }, "abc"],
    [{ ...FILE, kind: "hardlink", name: "d/second", link: "d/é" }],
    [{ ...FILE, name: "holes", size: 3_000_000, sparse }, "data"],
  ];
  const bytesName = Buffer.from("d/é").toString("latin1");
  for (const [member] of members) {
    if (member.name === "d/é") member.name = bytesName;
    if (member.link === "d/é") member.link = bytesName;
  }
  writeFileSync(join(folder, "a.tar"), archive(members));
  const done = Bun.spawnSync(["tar", "-xf", "a.tar"], { cwd: folder, env: { LANG: "C.UTF-8" } });
  expect(done.stderr.toString()).toBe("");
  expect(done.exitCode).toBe(0);
  expect(readdirSync(join(folder, "d")).sort()).toEqual(["second", "é"]);
  expect(statSync(join(folder, "d/é"))).toMatchObject({ nlink: 2, mtimeMs: 5500, size: 3 });
  const holes = readFileSync(join(folder, "holes"));
  expect(holes).toHaveLength(3_000_000);
  expect(holes.toString("latin1", 999_999, 1_000_005)).toBe("\0data\0");
});
