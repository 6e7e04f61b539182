import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { gzipSync } from "node:zlib";
import {
  archive,
  directory,
  file,
  hardlink,
  type Member,
  member,
  pax,
  symlink,
} from "../../tests/support/tar_writer.ts";
import { listing, unpack, unpackError, type UnpackRequest } from "../../tests/support/unpacked.ts";
import { FULL_MAP, SINGLE_MAP, Workshop } from "../../tests/support/worker.ts";
import { attribute, statusAt } from "../ffi/files.ts";
import { digestOf } from "../oci/digest.ts";
import { toHost } from "../rootless/id_map.ts";
import { closeSync, openSync } from "node:fs";

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  mkdirSync(`${shop.folder}/layers`);
});
afterAll(() => shop.clear());

const made = (bytes: Uint8Array, request?: UnpackRequest) => unpack(shop, bytes, request);
const refused = (bytes: Uint8Array, request?: UnpackRequest) => unpackError(shop, bytes, request);

function xattr(path: string, name: string): Buffer | undefined {
  const fd = openSync(path, "r");
  try {
    const value = attribute(fd, name);
    return value && Buffer.from(value);
  } finally {
    closeSync(fd);
  }
}

test("the tests have subordinate ids", () => {
  expect(FULL_MAP.kind).toBe("full");
});

test("owners, modes and times are exact", async () => {
  const { diff, record } = await made(archive(
    directory("./", { mode: 0o755, mtime: 1000 }),
    directory("d/", { mode: 0o1777, uid: 1, gid: 2, mtime: 2000 }),
    pax([["mtime", "1234567890.123456789"]]),
    file("d/setuid", "x", { mode: 0o4755, uid: 1000, gid: 1000 }),
    directory("g/", { mode: 0o2750, gid: 50, mtime: 3000 }),
    file("g/none", "", { mode: 0 }),
    directory("g/sub/", { mode: 0o711 }),
    file("d/all", "", { mode: 0o6777, uid: 33, gid: 33 }),
    symlink("link", "d/setuid", { uid: 7, gid: 8, mtime: 4000 }),
    member({ name: "fifo", type: "6", mode: 0o1620, uid: 5, mtime: 5000 }),
  ));
  const host = (id: number) => toHost(FULL_MAP.uids, id);
  const hostGroup = (id: number) => toHost(FULL_MAP.gids, id);
  const look = (name: string): unknown[] => {
    const status = statusAt(-100, `${diff}/${name}`) ?? expect.unreachable(name);
    return [status.mode.toString(8), status.uid, status.gid, status.mtime.seconds];
  };
  expect(look("")).toEqual(["40755", host(0), hostGroup(0), 1000]);
  expect(look("d")).toEqual(["41777", host(1), hostGroup(2), 2000]);
  expect(look("d/setuid")).toEqual(["104755", host(1000), hostGroup(1000), 1234567890]);
  expect(look("g")).toEqual(["42750", host(0), hostGroup(50), 3000]);
  expect(look("g/none").slice(0, 3)).toEqual(["100000", host(0), hostGroup(0)]);
  expect(look("g/sub").slice(0, 3)).toEqual(["40711", host(0), hostGroup(0)]);
  expect(look("d/all").slice(0, 3)).toEqual(["106777", host(33), hostGroup(33)]);
  expect(look("link").slice(1)).toEqual([host(7), hostGroup(8), 4000]);
  expect(look("fifo")).toEqual(["11620", host(5), hostGroup(0), 5000]);
  expect(statusAt(-100, `${diff}/d/setuid`)?.mtime.nanoseconds).toBe(123456789);
  expect(record).toMatchObject({ size: 1, entries: 9, ownersLost: false, skippedDevices: 0 });
  expect(JSON.parse(readFileSync(`${diff}/../layer.json`, "utf8"))).toEqual(record);
});

test("hard links share their file, also to a symbolic link", async () => {
  const { diff, record } = await made(archive(
    file("a", "shared"),
    hardlink("b", "a"),
    hardlink("./d/c", "/a"),
    symlink("s", "nowhere"),
    hardlink("t", "s"),
    hardlink("a", "./a"),
  ));
  const inode = (name: string) => lstatSync(`${diff}/${name}`).ino;
  expect(inode("b")).toBe(inode("a"));
  expect(inode("d/c")).toBe(inode("a"));
  expect(inode("t")).toBe(inode("s"));
  expect(readFileSync(`${diff}/d/c`, "utf8")).toBe("shared");
  expect(record.size).toBe(6);
});

test("extended attributes are kept, file capabilities in the namespace's form", async () => {
  // Version 2 of the attribute, cap_net_raw=ep.
  const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
  const { diff, record } = await made(archive(
    pax([["SCHILY.xattr.security.capability", capability], ["SCHILY.xattr.user.note", "hi"]]),
    file("ping", "x", { uid: 5, mode: 0o755 }),
    pax([["SCHILY.xattr.user.where", "dir"]]),
    directory("d/"),
  ));
  expect(String(xattr(`${diff}/ping`, "user.note"))).toBe("hi");
  expect(String(xattr(`${diff}/d`, "user.where"))).toBe("dir");
  // Outside of the namespace it is version 3: it ends with the id of the namespace's root.
  const kept = xattr(`${diff}/ping`, "security.capability") ?? expect.unreachable();
  expect(kept.readUInt32LE(0) >>> 24).toBe(3);
  expect(kept.subarray(4, 20)).toEqual(capability.subarray(4));
  expect(kept.readUInt32LE(20)).toBe(process.getuid?.() ?? -1);
  expect(record.skippedXattrs).toBe(0);
});

test("a directory's default access list is not given to what the layer has in it", async () => {
  // Version 2; user::rwx, group::r-x, other::--- (struct posix_acl_xattr_header and entries).
  const acl = Buffer.from("0200000001000700ffffffff04000500ffffffff20000000ffffffff", "hex");
  const { diff, record } = await made(archive(
    pax([["SCHILY.xattr.system.posix_acl_default", acl]]),
    directory("d/", { mode: 0o755 }),
    file("d/f", "", { mode: 0o666 }),
  ));
  expect(listing(diff)).toEqual(["d/ 755", "d/f 666 "]);
  expect(record.skippedXattrs).toBe(0);
  expect(xattr(`${diff}/d`, "system.posix_acl_default")).toEqual(acl);
});

test("a store below a setgid directory does not give its group away", async () => {
  const outer = `${shop.folder}/layers/setgid`;
  mkdirSync(outer);
  chmodSync(outer, 0o2755);
  const { diff } = await made(archive(file("f"), directory("d/")), { below: "setgid/" });
  expect(listing(diff)).toEqual(["d/ 755", "f 644 "]);
  expect(statSync(diff).mode & 0o7777).toBe(0o755);
});

test("attributes that speak to overlayfs or to the host are left out and counted", async () => {
  const { diff, record } = await made(archive(
    pax([
      ["SCHILY.xattr.user.overlay.opaque", "y"],
      ["SCHILY.xattr.user.overlay.redirect", "/etc"],
      ["SCHILY.xattr.trusted.overlay.opaque", "y"],
      ["SCHILY.xattr.security.selinux", "x"],
      ["SCHILY.xattr.user.fine", "1"],
    ]),
    directory("d/"),
  ));
  expect(xattr(`${diff}/d`, "user.overlay.opaque")).toBeUndefined();
  expect(xattr(`${diff}/d`, "user.overlay.redirect")).toBeUndefined();
  expect(String(xattr(`${diff}/d`, "user.fine"))).toBe("1");
  expect(record.skippedXattrs).toBe(4);
});

test("a sparse file has its size and its holes", async () => {
  const { diff, record } = await made(archive(
    pax([
      ["GNU.sparse.realsize", "104857600"],
      ["GNU.sparse.name", "hole"],
      ["GNU.sparse.map", "52428800,4,104857600,0"],
    ]),
    file("x", "data"),
  ));
  const { size, blocks } = statSync(`${diff}/hole`);
  expect(size).toBe(104857600);
  expect(blocks * 512).toBeLessThan(1024 * 1024);
  expect(record.size).toBe(104857600);
  const found = await Bun.file(`${diff}/hole`).slice(52428798, 52428806).text();
  expect(found).toBe("\0\0data\0\0");
});

test("names of any bytes and of full length are kept", async () => {
  const name = "n".repeat(255);
  const { diff } = await made(archive(
    pax([["path", `${"p/".repeat(100)}${name}`]]),
    file("x", "deep"),
    file("x", "", { patch: { 0: new Uint8Array([0xff, 0xfe]) } }),
  ));
  expect(readFileSync(`${diff}/${"p/".repeat(100)}${name}`, "utf8")).toBe("deep");
  expect(readdirSync(diff, { encoding: "buffer" }).map((b) => Buffer.from(b).toString("hex")))
    .toContain("fffe");
});

test("an empty layer is one", async () => {
  const empty = [Buffer.alloc(0), archive()];
  for (const tar of empty) {
    for (const bytes of [tar, gzipSync(tar)]) {
      const { diff, record } = await made(bytes, { diffID: digestOf(tar) });
      expect(listing(diff)).toEqual([]);
      expect(record).toMatchObject({ size: 0, entries: 0 });
    }
  }
});

test("compressed layers are checked by the digest of what is in them", async () => {
  const tar = archive(file("a", "hello"));
  for (const bytes of [gzipSync(tar), Bun.zstdCompressSync(tar)]) {
    const { diff } = await made(bytes, { diffID: digestOf(tar) });
    expect(listing(diff)).toEqual(["a 644 hello"]);
    expect(await refused(bytes, { diffID: digestOf(Buffer.from("other")) })).toBe("corrupt");
  }
});

test("a blob is unpacked while it grows", async () => {
  const { startJob } = await import("../engine/worker.ts");
  const { SELF } = await import("../../tests/support/worker.ts");
  const { DEFAULT_LIMITS } = await import("./unpack.ts");
  const bytes = archive(file("a", "first"), file("b", Buffer.alloc(100_000, 65)));
  const [blob, target] = [`${shop.folder}/growing`, `${shop.folder}/layers/growing`];
  writeFileSync(blob, bytes.subarray(0, 2000));
  const job = startJob(
    {
      kind: "unpack",
      blob,
      target,
      diffID: digestOf(bytes),
      isBase: true,
      ids: "full",
      limits: DEFAULT_LIMITS,
    },
    shop.userns,
    SELF,
  );
  job.tell("2000");
  while (!(await Bun.file(`${target}/diff/b`).exists())) await Bun.sleep(10);
  expect(readFileSync(`${target}/diff/a`, "utf8")).toBe("first");
  writeFileSync(blob, bytes);
  job.tell("50000");
  job.tell(`${bytes.length} end`);
  await job.result;
  expect(statSync(`${target}/diff/b`).size).toBe(100_000);
});

test("whiteouts hide names of the layers below, opaque directories all in them", async () => {
  const { diff } = await made(archive(
    file(".wh.gone"),
    file("d/.wh.old"),
    directory("o/"),
    file("o/.wh..wh..opq"),
    file("o/new", "n"),
    file("p/.wh..wh..opq"),
    file(".wh..wh.plnk/1.2", "aufs"),
    file(".wh..wh.aufs", "aufs"),
  ));
  expect(listing(diff)).toEqual([
    "d/ 755",
    "d/old device 0",
    "gone device 0",
    "o/ 755",
    "o/new 644 n",
    "p/ 755",
  ]);
  expect(statusAt(-100, `${diff}/gone`)?.node).toEqual({ major: 0, minor: 0 });
  expect(String(xattr(`${diff}/o`, "user.overlay.opaque"))).toBe("y");
  expect(String(xattr(`${diff}/p`, "user.overlay.opaque"))).toBe("y");
  expect(xattr(`${diff}/d`, "user.overlay.opaque")).toBeUndefined();
});

test("a whiteout beside a new thing of its name hides what is below only, in either order", async () => {
  const whiteouts = [file(".wh.f"), file(".wh.d")];
  const things = [file("f", "new"), directory("d/"), file("d/x", "x")];
  for (const order of [[...whiteouts, ...things], [...things, ...whiteouts]]) {
    const { diff } = await made(archive(...order));
    expect(listing(diff)).toEqual(["d/ 755", "d/x 644 x", "f 644 new"]);
    expect(String(xattr(`${diff}/d`, "user.overlay.opaque"))).toBe("y");
  }
});

test("the base layer has nothing to hide", async () => {
  const { diff } = await made(archive(file(".wh.x"), file("d/.wh..wh..opq")), { isBase: true });
  expect(listing(diff)).toEqual([]);
});

test("a later entry replaces an earlier one of its name, a directory stays", async () => {
  const { diff } = await made(archive(
    directory("d/", { mode: 0o700 }),
    file("d/kept", "k"),
    directory("d/", { mode: 0o711 }),
    file("f", "old"),
    file("f", "new"),
    directory("t/u/"),
    file("t/u/v", "gone"),
    file("t", "file now"),
    file("l", "old"),
    symlink("l", "f"),
    symlink("m", "f"),
    directory("m/"),
    file("m/n", "n"),
  ));
  expect(listing(diff)).toEqual([
    "d/ 711",
    "d/kept 644 k",
    "f 644 new",
    "l -> f",
    "m/ 755",
    "m/n 644 n",
    "t 644 file now",
  ]);
});

test("an entry below a symbolic link of the layer lands where the link leads, inside the layer", async () => {
  const { diff } = await made(archive(
    directory("usr/lib/"),
    symlink("lib", "usr/lib"),
    file("lib/a", "relative"),
    symlink("abs", "/usr"),
    file("abs/b", "absolute"),
    symlink("up", "../../../../usr"),
    file("up/c", "clamped"),
  ));
  expect(readdirSync(`${diff}/usr`).sort()).toEqual(["b", "c", "lib"]);
  expect(readdirSync(`${diff}/usr/lib`)).toEqual(["a"]);
});

/** A folder beside the layers that no layer may reach. */
function victim(): string {
  const path = `${shop.folder}/victim`;
  mkdirSync(path, { recursive: true });
  writeFileSync(`${path}/secret`, "untouched");
  return path;
}

const escapes: [what: string, members: (target: string) => Buffer[]][] = [
  ["a name with ..", () => [file("../../../victim/secret", "x")]],
  ["a name with .. inside", () => [directory("a/"), file("a/../../../../victim/secret", "x")]],
  ["a directory ..", () => [directory("..")]],
  ["a hard link with ..", () => [hardlink("h", "../../../victim/secret")]],
  ["an absolute hard link", (target) => [hardlink("h", `${target}/secret`), file("h", "x")]],
  [
    "a hard link through a symbolic link",
    (target) => [symlink("s", target), hardlink("h", "s/secret")],
  ],
  ["an entry below an absolute symbolic link", (t) => [symlink("s", t), file("s/secret", "x")]],
  [
    "an entry below a relative symbolic link",
    () => [symlink("s", "../../../victim"), file("s/secret", "x")],
  ],
  [
    "an entry below a symbolic link to a symbolic link",
    (t) => [symlink("r", t), symlink("s", "r"), file("s/secret", "x")],
  ],
  ["an entry below a magic link", () => [symlink("s", "/proc/self/root"), file("s/tmp/x", "x")]],
  ["a whiteout of ..", () => [file("a/.wh..")]],
  ["a whiteout of nothing", () => [file("a/.wh.")]],
  ["a whiteout below a symbolic link", (t) => [symlink("s", t), file("s/.wh.secret")]],
  ["a symbolic link loop", () => [symlink("a", "b"), symlink("b", "a"), file("a/x", "x")]],
  ["an entry below a file", () => [file("f", "x"), file("f/x", "x")]],
  ["a hard link to a directory", () => [directory("d/"), hardlink("h", "d")]],
  ["a hard link to nothing", () => [hardlink("h", "nothing")]],
  ["a component of 256 bytes", () => [pax([["path", "n".repeat(256)]]), file("x")]],
  ["a path of 5000 bytes", () => [pax([["path", "n/".repeat(2500)]]), file("x")]],
  ["a target of 5000 bytes", () => [pax([["linkpath", "n/".repeat(2500)]]), symlink("s", "x")]],
  ["a symbolic link to nowhere", () => [symlink("s", "")]],
  ["a file as the top", () => [file("./", "x", { type: "7" })]],
];

for (const [what, members] of escapes) {
  test(`${what} is refused and touches nothing outside`, async () => {
    const target = victim();
    expect(await refused(archive(...members(target)))).toBe("corrupt");
    expect(listing(target)).toEqual([`secret ${FILE_MODE} untouched`]);
  });
}

const FILE_MODE = (0o666 & ~process.umask()).toString(8);

test("a file put over a symbolic link replaces the link, not its target", async () => {
  const target = victim();
  const { diff } = await made(archive(
    symlink("s", `${target}/secret`),
    file("s", "mine"),
    symlink("d", target),
    directory("d/"),
    file("d/secret", "mine too"),
  ));
  expect(listing(diff)).toEqual(["d/ 755", "d/secret 644 mine too", "s 644 mine"]);
  expect(listing(target)).toEqual([`secret ${FILE_MODE} untouched`]);
});

test("an opaque marker below a symbolic link makes a directory of the layer, not of the target", async () => {
  const target = victim();
  const { diff } = await made(archive(symlink("s", target), file("s/.wh..wh..opq")));
  expect(listing(diff)).toEqual(["s/ 755"]);
  expect(xattr(target, "user.overlay.opaque")).toBeUndefined();
});

test("absolute names and clean .. stay in the layer", async () => {
  const { diff } = await made(archive(file("/etc/x", "1"), file("a/../b", "2"), file(".//c", "3")));
  expect(listing(diff)).toEqual(["b 644 2", "c 644 3", "etc/ 755", "etc/x 644 1"]);
});

test("device nodes are left out and counted; a device 0/0 is no whiteout of the image's making", async () => {
  const device = (name: string, type: string, numbers: [number, number]): Member => ({
    name,
    type,
    device: numbers,
  });
  const { diff, record } = await made(archive(
    member(device("null", "3", [1, 3])),
    member(device("sda", "4", [8, 0])),
    member(device("hidden", "3", [0, 0])),
  ));
  expect(listing(diff)).toEqual([]);
  expect(record.skippedDevices).toBe(3);
});

test("a fifo does not make anybody wait", async () => {
  const { diff } = await made(archive(
    member({ name: "p", type: "6" }),
    hardlink("q", "p"),
    file("p", "now a file"),
  ));
  expect(listing(diff)).toEqual(["p 644 now a file", "q fifo 644"]);
});

test("gigantic files and bombs end at the limit", async () => {
  const limits = { bytes: 10_000_000 };
  expect(await refused(archive(file("f", "", { size: 2 ** 50 })))).toBe("limit-exceeded");
  const sparse = archive(
    pax([["GNU.sparse.realsize", String(2 ** 52)], ["GNU.sparse.map", "0,1"]]),
    file("s", "x"),
  );
  expect(await refused(sparse)).toBe("limit-exceeded");
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  expect(await refused(bomb, { limits })).toBe("limit-exceeded");
  const files = archive(...Array.from({ length: 11 }, (_, i) => file(`f${i}`, Buffer.alloc(1e6))));
  expect(await refused(gzipSync(files), { limits })).toBe("limit-exceeded");
  const many = archive(...Array.from({ length: 101 }, (_, i) => file(`f${i}`)));
  expect(await refused(many, { limits: { entries: 100 } })).toBe("limit-exceeded");
  expect(await refused(many, { limits: { entries: 101 } })).toBe("unpacked");
});

test("truncated, concatenated and trailing gzip", async () => {
  const tar = archive(file("a", Buffer.alloc(100_000, 1)));
  const whole = gzipSync(tar);
  const parts = Buffer.concat([gzipSync(tar.subarray(0, 5000)), gzipSync(tar.subarray(5000))]);
  const diffID = digestOf(tar);
  expect(await refused(whole.subarray(0, whole.length - 10), { diffID })).toBe("corrupt");
  expect(await refused(Buffer.concat([whole, Buffer.from("more")]), { diffID })).toBe("corrupt");
  const { diff } = await made(parts, { diffID });
  expect(statSync(`${diff}/a`).size).toBe(100_000);
});

test("an owner that is not mapped is refused by name", async () => {
  const bytes = archive(file("f", "x", { uid: 3_000_000_000 }));
  const error = await made(bytes).catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: "unsupported",
    hint: expect.stringContaining("/etc/subuid"),
  });
  expect(error.message).toContain('"f" belongs to 3000000000:0');
});

test("a download that is given up ends the worker", async () => {
  const { startJob } = await import("../engine/worker.ts");
  const { SELF } = await import("../../tests/support/worker.ts");
  const { DEFAULT_LIMITS } = await import("./unpack.ts");
  writeFileSync(`${shop.folder}/never`, "");
  const job = startJob(
    {
      kind: "unpack",
      blob: `${shop.folder}/never`,
      target: `${shop.folder}/layers/never`,
      diffID: digestOf(Buffer.alloc(0)),
      isBase: true,
      ids: "full",
      limits: DEFAULT_LIMITS,
    },
    shop.userns,
    SELF,
  );
  setTimeout(() => job.stop(), 200);
  expect(await job.result.catch((error) => error.message)).toContain("ended early");
});

test("with a single id owners are lost and counted, and setuid with them", async () => {
  const single = new Workshop(SINGLE_MAP);
  try {
    mkdirSync(`${single.folder}/layers`);
    const { diff, record } = await unpack(
      single,
      archive(
        file("root", "r", { mode: 0o4755 }),
        file("other", "o", { mode: 0o6755, uid: 1000, gid: 1000 }),
        file(".wh.gone"),
      ),
      { ids: "single" },
    );
    expect(listing(diff)).toEqual(["gone device 0", "other 755 o", "root 4755 r"]);
    expect(lstatSync(`${diff}/other`).uid).toBe(process.getuid?.() ?? -1);
    expect(record.ownersLost).toBe(true);
  } finally {
    await single.clear();
  }
});

test("deleting a tree takes whatever is in it, however deep", async () => {
  const { diff } = await made(archive(
    directory("closed/", { mode: 0, uid: 7 }),
    file("closed/f", "x", { uid: 8, mode: 0 }),
    symlink("s", "/"),
    pax([["path", "d/".repeat(1500) + "f"]]),
    file("x", "deep"),
  ));
  const victims = victim();
  await shop.work({ kind: "remove", paths: [diff, `${shop.folder}/not-there`] });
  expect(() => lstatSync(diff)).toThrow("ENOENT");
  expect(listing(victims)).toEqual([`secret ${FILE_MODE} untouched`]);
});
