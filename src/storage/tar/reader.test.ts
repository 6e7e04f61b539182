import { expect, test } from "bun:test";
import {
  archive,
  directory,
  file,
  gnuLong,
  hardlink,
  member,
  oldRegion,
  pax,
  symlink,
  tarNumber,
} from "../../../tests/support/tar_writer.ts";
import type { TarEntry } from "./entry.ts";
import { TarReader } from "./reader.ts";

type Read = TarEntry & { body: Buffer; ended: boolean };

/** Reads an archive given in pieces of `step` bytes. */
function read(bytes: Uint8Array, step = bytes.length): Read[] {
  const entries: Read[] = [];
  const last = () => entries.at(-1) ?? expect.unreachable("data before an entry");
  const reader = new TarReader({
    entry: (entry) => entries.push({ ...entry, body: Buffer.alloc(entry.size), ended: false }),
    data: (data, position) => last().body.set(data, position),
    endFile: () => last().ended = true,
  });
  for (let at = 0; at < bytes.length; at += step) reader.write(bytes.subarray(at, at + step));
  reader.end();
  return entries;
}

const only = (bytes: Uint8Array): Read => read(bytes)[0] ?? expect.unreachable("no entry");

test("files, directories and links are read with their metadata", () => {
  const entries = read(archive(
    directory("d/", { mode: 0o1777, uid: 1, gid: 2 }),
    file("d/f", "hello", { mode: 0o4755, uid: 10, gid: 20, mtime: 1234567890 }),
    symlink("s", "../else"),
    hardlink("h", "d/f"),
    member({ name: "fifo", type: "6" }),
    member({ name: "null", type: "3", device: [1, 3] }),
  ));
  expect(entries.map((e) => [e.kind, e.name, e.link])).toEqual([
    ["directory", "d/", ""],
    ["file", "d/f", ""],
    ["symlink", "s", "../else"],
    ["hardlink", "h", "d/f"],
    ["fifo", "fifo", ""],
    ["device", "null", ""],
  ]);
  expect(entries[0]).toMatchObject({ mode: 0o1777, uid: 1, gid: 2 });
  expect(entries[1]).toMatchObject({
    mode: 0o4755,
    uid: 10,
    gid: 20,
    mtime: { seconds: 1234567890, nanoseconds: 0 },
    body: Buffer.from("hello"),
    ended: true,
  });
});

test("pieces of any size read the same", () => {
  const bytes = archive(
    pax([["path", "long/".repeat(60) + "name"], ["mtime", "1.5"]]),
    file("x", Buffer.alloc(1500, 7)),
    file("empty"),
    file("z", "end"),
  );
  const whole = read(bytes);
  expect(whole.map((e) => e.name)).toEqual(["long/".repeat(60) + "name", "empty", "z"]);
  for (const step of [1, 7, 511, 512, 513, 1000]) expect(read(bytes, step)).toEqual(whole);
});

test("names: ustar prefix, star prefix, GNU long names, pax, not UTF-8", () => {
  expect(only(archive(file("b", "", { prefix: "a/a" }))).name).toBe("a/a/b");
  expect(only(archive(file("b", "", { prefix: "a", patch: { 476: "\x01", 508: "tar\0" } }))).name)
    .toBe("a/b");
  expect(only(archive(file("b", "", { prefix: "a", magic: "ustar  \0" }))).name).toBe("b");
  const long = "d/".repeat(150) + "f";
  expect(only(archive(gnuLong("L", long), file("x"))).name).toBe(long);
  expect(only(archive(gnuLong("K", long), symlink("x", "y"))).link).toBe(long);
  expect(only(archive(pax([["linkpath", long]]), symlink("x", "y"))).link).toBe(long);
  expect(only(archive(file("x", "", { patch: { 0: new Uint8Array([0xff, 0xe9]) } }))).name)
    .toBe("\xff\xe9");
  expect(only(archive(file("é"))).name).toBe("\xc3\xa9");
});

test("an extension counts for the next member only", () => {
  const entries = read(archive(pax([["path", "long"], ["uid", "7"]]), file("a"), file("b")));
  expect(entries.map((e) => [e.name, e.uid])).toEqual([["long", 7], ["b", 0]]);
});

test("global headers count for all members, a member's own go before, an empty value takes back", () => {
  const entries = read(archive(
    pax([["uid", "7"], ["comment", "x"]], "g"),
    file("a"),
    pax([["uid", "8"]]),
    file("b"),
    pax([["uid", ""]]),
    file("c", "", { uid: 9 }),
  ));
  expect(entries.map((e) => e.uid)).toEqual([7, 8, 9]);
});

test("numbers: base-256, negative times, fractions of seconds", () => {
  const big = 2 ** 40;
  const uid = only(archive(file("a", "", { uid: 3_000_000_000 }))).uid;
  expect(uid).toBe(3_000_000_000);
  const time = (value: string) => only(archive(pax([["mtime", value]]), file("a"))).mtime;
  expect(only(archive(file("a", "", { mtime: -5 }))).mtime).toEqual({
    seconds: -5,
    nanoseconds: 0,
  });
  expect(only(archive(file("a", "", { mtime: big }))).mtime.seconds).toBe(big);
  expect(time("12.123456789")).toEqual({ seconds: 12, nanoseconds: 123456789 });
  expect(time("12.5")).toEqual({ seconds: 12, nanoseconds: 500000000 });
  expect(time("-1.25")).toEqual({ seconds: -2, nanoseconds: 750000000 });
});

test("extended attributes are bytes", () => {
  const value = new Uint8Array([1, 0, 0, 2, 0xff, 0x0a, 0x3d]);
  const entry = only(archive(pax([["SCHILY.xattr.security.capability", value]]), file("a")));
  expect(entry.xattrs).toEqual([{ name: "security.capability", value: Buffer.from(value) }]);
});

const SPARSE = Buffer.concat([
  Buffer.alloc(1000),
  Buffer.alloc(600, 1),
  Buffer.alloc(2400),
  Buffer.alloc(100, 2),
  Buffer.alloc(900),
]);
const STORED = Buffer.concat([Buffer.alloc(600, 1), Buffer.alloc(100, 2)]);

test("sparse files in GNU's four formats", () => {
  const old = archive(
    file("s", STORED, {
      type: "S",
      magic: "ustar  \0",
      patch: {
        386: Buffer.concat([oldRegion(1000, 600), oldRegion(4000, 100)]),
        483: tarNumber(5000, 12),
      },
    }),
    file("next", "x"),
  );
  const pax00 = archive(
    pax([
      ["GNU.sparse.size", "5000"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.offset", "1000"],
      ["GNU.sparse.numbytes", "600"],
      ["GNU.sparse.offset", "4000"],
      ["GNU.sparse.numbytes", "100"],
    ]),
    file("s", STORED),
    file("next", "x"),
  );
  const pax01 = archive(
    pax([
      ["GNU.sparse.size", "5000"],
      ["GNU.sparse.name", "s"],
      ["GNU.sparse.map", "1000,600,4000,100"],
    ]),
    file("GNUSparseFile.1/s", STORED),
    file("next", "x"),
  );
  const pax10 = archive(
    pax([
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "s"],
      ["GNU.sparse.realsize", "5000"],
    ]),
    file(
      "GNUSparseFile.1/s",
      Buffer.concat([Buffer.from("2\n1000\n600\n4000\n100\n".padEnd(512, "\0")), STORED]),
    ),
    file("next", "x"),
  );
  for (const bytes of [old, pax00, pax01, pax10]) {
    for (const step of [bytes.length, 100]) {
      const [sparse, next] = read(bytes, step);
      expect(sparse).toMatchObject({ name: "s", size: 5000, body: SPARSE, ended: true });
      expect(next).toMatchObject({ name: "next", body: Buffer.from("x") });
    }
  }
});

test("an old sparse map goes on in further blocks", () => {
  const regions = Array.from({ length: 30 }, (_, i) => oldRegion(i * 1000, 1));
  const more = Buffer.concat([...regions.slice(4, 25), Buffer.from([1]), Buffer.alloc(7)]);
  const rest = Buffer.concat(regions.slice(25));
  const bytes = archive(
    member({
      name: "s",
      type: "S",
      size: 30,
      patch: {
        386: Buffer.concat(regions.slice(0, 4)),
        482: "\x01",
        483: tarNumber(29001, 12),
      },
    }),
    more,
    Buffer.concat([rest, Buffer.alloc(512 - rest.length)]),
    Buffer.concat([Buffer.alloc(30, 9), Buffer.alloc(482)]),
  );
  const entry = only(bytes);
  expect(entry.sparse).toHaveLength(30);
  expect(entry.body[29000]).toBe(9);
  expect(entry.body.filter((byte) => byte === 9)).toHaveLength(30);
});

test("what real tar programs write is read as they mean it", async () => {
  const tar = Bun.which("tar") ?? expect.unreachable("GNU tar is part of every Debian");
  const folder = (await Bun.$`mktemp -d`.text()).trim();
  try {
    await Bun
      .$`cd ${folder} && mkdir d && echo hello > d/f && ln d/f h && ln -s d/f s && truncate -s 3M hole && printf end >> hole`;
    for (const format of [["gnu"], ["posix"], ["ustar"], ["v7"], ["gnu", "-S"], ["posix", "-S"]]) {
      const [name = "", ...more] = format;
      const out = await Bun.$`cd ${folder} && ${tar} --format=${name} ${more} -cf - d h s hole`
        .quiet();
      const entries = read(out.stdout);
      expect(entries.map((e) => [e.name, e.kind])).toEqual([
        ["d/", "directory"],
        ["d/f", "file"],
        ["h", "hardlink"],
        ["s", "symlink"],
        ["hole", "file"],
      ]);
      const hole = entries[4];
      expect(hole?.size).toBe(3 * 1024 * 1024 + 3);
      expect(hole?.body.subarray(-4).toString()).toBe("\0end");
    }
  } finally {
    await Bun.$`rm -rf ${folder}`;
  }
});

test("an archive without the two closing blocks is whole, one that is cut is not", () => {
  expect(read(file("a", "hello"))).toHaveLength(1);
  expect(read(Buffer.alloc(0))).toEqual([]);
  const bytes = Buffer.concat([pax([["path", "b"]]), file("a", Buffer.alloc(1000, 1))]);
  for (const length of [1, 511, 600, 1024, 1500, 1536, 2000, 2559]) {
    expect(() => read(bytes.subarray(0, length))).toThrow("ends in the middle");
  }
});

test("what follows the two closing blocks is not read", () => {
  expect(read(Buffer.concat([archive(file("a")), Buffer.alloc(3000, 65)]))).toHaveLength(1);
});

test("what is no archive at all is called so", () => {
  expect(() => read(Buffer.alloc(1024, "text"))).toThrow("it is not a tar archive, or damaged");
});

const damaged: [what: string, bytes: Uint8Array][] = [
  ["no archive at all", Buffer.alloc(1024, "text")],
  ["a wrong checksum", Buffer.from(file("a")).fill("9", 100, 104)],
  ["a size that is no number", file("a", "", { patch: { 124: "12x45678901\0" } })],
  ["a negative size", file("a", "", { patch: { 124: tarNumber(-512, 12) } })],
  ["a size of more than 2^53", file("a", "", { size: 2n ** 63n - 1n })],
  ["a record whose length is too long", member({ name: "x", type: "x", body: "999 a=b\n" })],
  ["a record whose length is too short", member({ name: "x", type: "x", body: "3 a=b\n" })],
  ["a record without a length", member({ name: "x", type: "x", body: "path=x\n" })],
  ["a record without a value", member({ name: "x", type: "x", body: "6 abc\n" })],
  ["a name with a NUL byte", Buffer.concat([pax([["path", "a\0b"]]), file("x")])],
  ["a pax size that is no number", Buffer.concat([pax([["size", "1e3"]]), file("x")])],
  ["a pax time that is no number", Buffer.concat([pax([["mtime", "now"]]), file("x")])],
  ["an owner out of range", Buffer.concat([pax([["uid", "4294967295"]]), file("x")])],
  [
    "a sparse map that overlaps",
    Buffer.concat([
      pax([["GNU.sparse.size", "100"], ["GNU.sparse.map", "0,10,5,10"]]),
      file("x", Buffer.alloc(20)),
    ]),
  ],
  [
    "a sparse map that leaves the file",
    Buffer.concat([
      pax([["GNU.sparse.size", "100"], ["GNU.sparse.map", "95,10"]]),
      file("x", Buffer.alloc(10)),
    ]),
  ],
  [
    "a sparse map longer than its data",
    Buffer.concat([
      pax([["GNU.sparse.size", "100"], ["GNU.sparse.map", "0,50"]]),
      file("x", Buffer.alloc(10)),
    ]),
  ],
  [
    "a sparse map that never ends",
    Buffer.concat([
      pax([["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"], ["GNU.sparse.realsize", "9"]]),
      file("x", "9\n1\n"),
      file("y"),
    ]),
  ],
];

for (const [what, bytes] of damaged) {
  test(`${what} is refused as corrupt`, () => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: "corrupt" }));
  });
}

test("extensions larger than a megabyte are refused before they are read", () => {
  for (const type of ["x", "g", "L", "K"]) {
    const huge = member({ name: "x", type, size: 2 ** 40 });
    expect(() => read(huge)).toThrow(expect.objectContaining({ code: "limit-exceeded" }));
  }
});

test("a sparse map with more regions than can be kept is refused", () => {
  const huge = Buffer.concat([
    pax([["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"], ["GNU.sparse.realsize", "9"]]),
    file("x", Buffer.from("99999999\n".padEnd(512, "\0")), { size: 2 ** 40 }),
  ]);
  expect(() => read(huge)).toThrow(expect.objectContaining({ code: "limit-exceeded" }));
});

test("a member of an unknown type is refused by name", () => {
  expect(() => read(member({ name: "odd", type: "Q" }))).toThrow('"odd" has the unknown type "Q"');
});
