import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { O } from "./constants.ts";
import { ERRNO } from "./errno.ts";
import { SyscallError } from "./libc.ts";
import { isEmptyDirectory, listDirectory } from "./listing.ts";
import {
  changeMode,
  closeFile,
  ensureDirectory,
  exists,
  fileStatus,
  isErrno,
  isReadWritable,
  linkStatus,
  makeDirectory,
  makeLink,
  makeLinkIfFree,
  openFile,
  openFileStatus,
  putFile,
  readLink,
  readText,
  readTextIfAny,
  removeDirectory,
  rename,
  unlink,
  writeText,
} from "./quick_files.ts";
import { randomBytes } from "./random.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(`${realpathSync(tmpdir())}/quick-`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("a text is written and read as UTF-8, also one of many buffers, an empty one and a mark", () => {
  for (const text of ["", "\ufeffé\n", "x".repeat(4095), "€".repeat(50_000)]) {
    writeText(`${folder}/text`, text, 0o600);
    expect(readFileSync(`${folder}/text`, "utf8")).toBe(text);
    expect(readText(`${folder}/text`)).toBe(text);
  }
});

test("a written file has the mode given, and an exclusive one must be new", () => {
  writeText(`${folder}/mode`, "a", 0o640);
  expect(statSync(`${folder}/mode`).mode & 0o777).toBe(0o640);
  const error = errorOf(() => writeText(`${folder}/mode`, "b", 0o600, O.EXCL));
  expect(isErrno(error, ERRNO.EEXIST)).toBe(true);
  expect(readText(`${folder}/mode`)).toBe("a");
});

test("files of /proc are read to their end although they have no size", () => {
  expect(readText("/proc/self/status")).toContain("voluntary_ctxt_switches");
  expect(readText("/proc/kallsyms").length).toBeGreaterThan(100_000);
});

test("what cannot be read is an error with path and errno, or undefined where that is asked for", () => {
  const error = errorOf(() => readText(`${folder}/missing`));
  expect(error).toBeInstanceOf(SyscallError);
  expect(String(error)).toContain(`Cannot open "${folder}/missing": ENOENT`);
  expect(readTextIfAny(`${folder}/missing`)).toBeUndefined();
  expect(errorOf(() => readText(folder))).toMatchObject({ syscall: "read" });
});

test("names with NUL bytes and paths that are too long are refused, not cut", () => {
  expect(errorOf(() => readText("/etc/hostname\0x"))).toMatchObject({ code: "invalid-argument" });
  expect(isErrno(errorOf(() => readText("/" + "a".repeat(4095))), ERRNO.ENAMETOOLONG)).toBe(true);
  expect(isErrno(errorOf(() => readText("/" + "€".repeat(1400))), ERRNO.ENAMETOOLONG)).toBe(true);
});

test("directories are made one by one or with those above, and removed when empty", () => {
  makeDirectory(`${folder}/a`, 0o700);
  expect(statSync(`${folder}/a`).mode & 0o777).toBe(0o700);
  expect(isErrno(errorOf(() => makeDirectory(`${folder}/a`, 0o700)), ERRNO.EEXIST)).toBe(true);
  expect(ensureDirectory(`${folder}/a/b/c/d`, 0o750)).toBe(true);
  expect(ensureDirectory(`${folder}/a/b/c/d`, 0o750)).toBe(false);
  expect(statSync(`${folder}/a/b`).mode & 0o777).toBe(0o750);
  expect(isErrno(errorOf(() => removeDirectory(`${folder}/a`)), ERRNO.ENOTEMPTY)).toBe(true);
  removeDirectory(`${folder}/a/b/c/d`);
  expect(exists(`${folder}/a/b/c/d`)).toBe(false);
});

test("a file in the way of a directory is an error, not a directory", () => {
  writeFileSync(`${folder}/way`, "");
  expect(isErrno(errorOf(() => ensureDirectory(`${folder}/way`, 0o700)), ERRNO.EEXIST)).toBe(true);
  expect(errorOf(() => ensureDirectory(`${folder}/way/x`, 0o700))).toBeInstanceOf(SyscallError);
});

test("names are moved over others and removed", () => {
  writeFileSync(`${folder}/old`, "old");
  writeFileSync(`${folder}/new`, "new");
  rename(`${folder}/new`, `${folder}/old`);
  expect(readText(`${folder}/old`)).toBe("new");
  unlink(`${folder}/old`);
  expect(exists(`${folder}/old`)).toBe(false);
  expect(isErrno(errorOf(() => unlink(`${folder}/old`)), ERRNO.ENOENT)).toBe(true);
});

test("links are made once, read, and followed or not", () => {
  makeLink("some/where é", `${folder}/link`);
  expect(readLink(`${folder}/link`)).toBe("some/where é");
  expect(isErrno(errorOf(() => makeLink("x", `${folder}/link`)), ERRNO.EEXIST)).toBe(true);
  expect(makeLinkIfFree("x", `${folder}/link`)).toBe(false);
  expect(readLink(`${folder}/link`)).toBe("some/where é");
  expect(makeLinkIfFree("x", `${folder}/free`)).toBe(true);
  expect(isErrno(errorOf(() => makeLinkIfFree("x", `${folder}/no/where`)), ERRNO.ENOENT)).toBe(
    true,
  );
  expect(readLink(folder)).toBeUndefined();
  symlinkSync(folder, `${folder}/self`);
  expect(fileStatus(`${folder}/self`)?.isDirectory).toBe(true);
  expect(linkStatus(`${folder}/self`)?.isDirectory).toBe(false);
});

test("the status is what stat tells", () => {
  writeFileSync(`${folder}/status`, "12345", { mode: 0o604 });
  const stat = statSync(`${folder}/status`, { bigint: true });
  const status = fileStatus(`${folder}/status`);
  expect(status).toMatchObject({ mode: Number(stat.mode), size: 5, inode: Number(stat.ino) });
  expect(status?.changed).toBe(`${stat.ctimeNs / 1_000_000_000n}.${stat.ctimeNs % 1_000_000_000n}`);
  expect(fileStatus("/dev/null")?.node).toEqual({ major: 1, minor: 3 });
  expect(fileStatus(`${folder}/nothing`)).toBeUndefined();
});

test("an open file has the status of its path, a closed descriptor none", () => {
  const fd = openFile(folder, O.RDONLY);
  expect(openFileStatus(fd)).toEqual(fileStatus(folder));
  closeFile(fd);
  expect(openFileStatus(fd)).toBeUndefined();
});

test("permissions are changed and looked at", () => {
  writeFileSync(`${folder}/open`, "");
  changeMode(`${folder}/open`, 0o600);
  expect(isReadWritable(`${folder}/open`)).toBe(true);
  expect(isReadWritable(`${folder}/nothing`)).toBe(false);
  expect(statSync(`${folder}/open`).mode & 0o777).toBe(0o600);
});

test("a listing has every name of a large directory, and tells directories from links to them", () => {
  mkdirSync(`${folder}/list`);
  const names = Array.from({ length: 900 }, (_, i) => `a-rather-long-name-é-${i}`);
  for (const name of names) writeFileSync(`${folder}/list/${name}`, "");
  mkdirSync(`${folder}/list/directory`);
  symlinkSync("directory", `${folder}/list/link`);
  const found = listDirectory(`${folder}/list`);
  expect(found.map(({ name }) => name).sort()).toEqual([...names, "directory", "link"].sort());
  expect(found.filter((entry) => entry.isDirectory).map(({ name }) => name)).toEqual(["directory"]);
});

test("a listing follows no link and never passes over a name that is not UTF-8", () => {
  symlinkSync(folder, `${folder}/list-link`);
  expect(errorOf(() => listDirectory(`${folder}/list-link`))).toBeInstanceOf(SyscallError);
  mkdirSync(`${folder}/odd`);
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/odd/`), Buffer.from([0xff])]), "");
  expect(errorOf(() => listDirectory(`${folder}/odd`))).toBeInstanceOf(TypeError);
});

test("random bytes are as many as asked for, and others each time", () => {
  const [one, other] = [randomBytes(32), randomBytes(32)];
  expect(one.length).toBe(32);
  expect(one).not.toEqual(other);
});

test("a directory is empty when it has nothing but itself, whatever the names in it are", () => {
  const names = ["a", ".a", "..a", "...", "a.".repeat(127), ". "];
  for (const [i, name] of names.entries()) {
    const path = `${folder}/with-${i}`;
    makeDirectory(path, 0o700);
    expect(isEmptyDirectory(path)).toBe(true);
    writeText(`${path}/${name}`, "", 0o600);
    expect(isEmptyDirectory(path)).toBe(false);
  }
  expect(isErrno(errorOf(() => isEmptyDirectory(`${folder}/nowhere`)), ERRNO.ENOENT)).toBe(true);
});

test("a folder below one that can have none is an error", () => {
  expect(() => ensureDirectory("/proc/none/of/these", 0o700)).toThrow("ENOENT");
});

test("a file is put in the place of another as a whole, and only for its owner", () => {
  const place = `${folder}/place`;
  mkdirSync(place);
  putFile(place, "name", new TextEncoder().encode("first"));
  const opened = openSync(`${place}/name`, "r");
  putFile(place, "name", new TextEncoder().encode("second"));
  expect(readFileSync(opened, "utf8")).toBe("first");
  closeSync(opened);
  expect(readFileSync(`${place}/name`, "utf8")).toBe("second");
  expect(statSync(`${place}/name`).mode & 0o777).toBe(0o600);
  expect(readdirSync(place)).toEqual(["name"]);
  expect(() => putFile(`${place}/name`, "x", new Uint8Array())).toThrow("ENOTDIR");
});
