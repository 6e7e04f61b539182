/**
 * Ordinary file calls by path, for what every `run` does.
 *
 * Loading node:fs costs a start almost a millisecond, more than all the files that `run` touches; the
 * system calls are loaded anyway. Paths are text and must be shorter than 4096 bytes. Calls that the
 * kernel may interrupt go on.
 */
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O,
  S_IFDIR,
  S_IFMT,
  STATX_BASIC_STATS,
} from "./constants.ts";
import { ERRNO } from "./errno.ts";
import { address, raw, refuseNul, SyscallError, type SyscallName } from "./libc.ts";

const PATH_MAX = 4096;
const RENAME_EXCHANGE = 2;
const WORD = 0x100000000;

// Arrays of this size do not move (bun-facts K1), so their addresses are taken once.
const paths = new Uint8Array(2 * PATH_MAX);
const FIRST = address(paths);
const SECOND = FIRST + PATH_MAX;
const first = paths.subarray(0, PATH_MAX - 1);
const second = paths.subarray(PATH_MAX, 2 * PATH_MAX - 1);
const words = new Uint32Array(PATH_MAX);
const WORDS = address(words);
/** What the beginning of a file is read into: small ones need no memory that nobody has touched yet. */
const piece = new Uint8Array(PATH_MAX);
const encoder = new TextEncoder();

function put(room: Uint8Array, at: number, path: string): number {
  refuseNul(path);
  const { read, written } = encoder.encodeInto(path, room);
  if (read < path.length) {
    throw new SyscallError(`use the path "${path.slice(0, 40)}..."`, "openat", ERRNO.ENAMETOOLONG);
  }
  paths[at - FIRST + written] = 0;
  return at;
}

const one = (path: string): number => put(first, FIRST, path);
const two = (path: string): number => put(second, SECOND, path);

function checked(result: number, call: SyscallName, what: string, path: string): number {
  if (result < 0) throw new SyscallError(`${what} "${path}"`, call, -result);
  return result;
}

/** Whether `thrown` is the kernel's refusal with this error number. */
export function isErrno(thrown: unknown, errno: number): boolean {
  return thrown instanceof SyscallError && thrown.errno === errno;
}

/** A descriptor of the file, close-on-exec. @throws SyscallError */
export function openFile(path: string, flags: number, mode = 0): number {
  for (;;) {
    const result = raw("openat", AT_FDCWD, one(path), flags | O.CLOEXEC, mode);
    if (result !== -ERRNO.EINTR) return checked(result, "openat", "open", path);
  }
}

/** A descriptor of the file, close-on-exec; undefined when there is no such file. @throws SyscallError */
export function openIfThere(path: string, flags: number): number | undefined {
  for (;;) {
    const result = raw("openat", AT_FDCWD, one(path), flags | O.CLOEXEC);
    if (result === -ERRNO.ENOENT || result === -ERRNO.ENOTDIR) return undefined;
    if (result !== -ERRNO.EINTR) return checked(result, "openat", "open", path);
  }
}

/** Closes a descriptor that is open. */
export function closeFile(fd: number): void {
  raw("close", fd);
}

/** Reads a file to its end, also one of /proc, which has no size. @throws SyscallError */
export function readBytes(path: string): Uint8Array {
  const fd = openFile(path, O.RDONLY);
  try {
    return readOpenFile(fd, path);
  } finally {
    closeFile(fd);
  }
}

/**
 * Reads what is left of an open file.
 * @param limit bytes after which nothing more is read @throws SyscallError that names `path`
 */
export function readOpenFile(fd: number, path: string, limit = Infinity): Uint8Array {
  let bytes = piece;
  for (let length = 0;;) {
    if (length === bytes.length) bytes = enlarged(bytes, fd);
    const got = raw("read", fd, address(bytes) + length, bytes.length - length);
    if (got === 0 || length >= limit) {
      return bytes === piece ? bytes.slice(0, length) : bytes.subarray(0, length);
    }
    if (got !== -ERRNO.EINTR) length += checked(got, "read", "read", path);
  }
}

/** Room for the whole file, as far as it has a size: to double it again and again is to copy all of it twice. */
function enlarged(bytes: Uint8Array, fd: number): Uint8Array<ArrayBuffer> {
  const size = bytes.length === PATH_MAX ? openFileStatus(fd)?.size ?? 0 : 0;
  const twice = bytes.length * 2;
  const larger = new Uint8Array(size < twice ? twice : size + 1);
  larger.set(bytes);
  return larger;
}

/** The text of a file in UTF-8. @throws SyscallError */
export function readText(path: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(readBytes(path));
}

/** The text of a file; undefined when it cannot be read, for whatever reason. */
export function readTextIfAny(path: string): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}

/**
 * Writes a file, which is made when missing and emptied when not.
 * @param flags in place of that, as O.EXCL
 * @throws SyscallError
 */
export function writeText(path: string, text: string, mode: number, flags: number = O.TRUNC): void {
  const fd = openFile(path, O.WRONLY | O.CREAT | flags, mode);
  try {
    writeOpenFile(fd, path, encoder.encode(text));
  } finally {
    closeFile(fd);
  }
}

function writeOpenFile(fd: number, path: string, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    const result = raw("write", fd, address(bytes) + done, bytes.length - done);
    if (result !== -ERRNO.EINTR) done += checked(result, "write", "write", path);
  }
}

/**
 * Puts a file into a directory, after removing one that has the name: whoever opens it sees all of it, and nothing is
 * left of one that was half written. @throws SyscallError; where somebody else was quicker, or the file system cannot
 */
export function putFile(directory: string, name: string, bytes: Uint8Array): void {
  const fd = openFile(directory, O.TMPFILE | O.WRONLY, 0o600);
  const path = `${directory}/${name}`;
  try {
    writeOpenFile(fd, path, bytes);
    raw("unlinkat", AT_FDCWD, one(path), 0);
    const from = one(`/proc/self/fd/${fd}`);
    const result = raw("linkat", AT_FDCWD, from, AT_FDCWD, two(path), AT_SYMLINK_FOLLOW);
    checked(result, "linkat", "make", path);
  } finally {
    closeFile(fd);
  }
}

/** Writes a file that is there over its old content, in the blocks it has: a full disk is no matter. @throws SyscallError */
export function overwriteText(path: string, text: string): void {
  const fd = openFile(path, O.WRONLY);
  try {
    const bytes = encoder.encode(text);
    writeOpenFile(fd, path, bytes);
    checked(raw("ftruncate", fd, bytes.length), "ftruncate", "cut", path);
  } finally {
    closeFile(fd);
  }
}

/** Whether something is at a path that we can see; links are followed. */
export function exists(path: string): boolean {
  return raw("faccessat", AT_FDCWD, one(path), 0) === 0;
}

/** Whether certainly nothing is at a path. */
export function isMissing(path: string): boolean {
  return raw("faccessat", AT_FDCWD, one(path), 0) === -ERRNO.ENOENT;
}

/** Whether the caller (by its real ids) may read and write what is at a path. */
export function isReadWritable(path: string): boolean {
  return raw("faccessat", AT_FDCWD, one(path), 6) === 0;
}

/** Changes the permissions of what is at a path. @throws SyscallError */
export function changeMode(path: string, mode: number): void {
  checked(raw("fchmodat", AT_FDCWD, one(path), mode), "fchmodat", "change the mode of", path);
}

/** Makes one directory. @throws SyscallError */
export function makeDirectory(path: string, mode: number): void {
  checked(raw("mkdirat", AT_FDCWD, one(path), mode), "mkdirat", "make the directory", path);
}

/** Makes a directory and those above it, where they are missing; true when it was. @throws SyscallError */
export function ensureDirectory(path: string, mode: number): boolean {
  const result = raw("mkdirat", AT_FDCWD, one(path), mode);
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (result !== -ERRNO.ENOENT || parent === "") return isMade(result, path);
  ensureDirectory(parent, mode);
  // Once: there are folders, as those of /proc, in which nothing can be made and that say so with the same error.
  return isMade(raw("mkdirat", AT_FDCWD, one(path), mode), path);
}

function isMade(result: number, path: string): boolean {
  if (result === -ERRNO.EEXIST && fileStatus(path)?.isDirectory) return false;
  checked(result, "mkdirat", "make the directory", path);
  return true;
}

/** @throws SyscallError */
export function rename(from: string, to: string): void {
  const result = raw("renameat2", AT_FDCWD, one(from), AT_FDCWD, two(to), 0);
  checked(result, "renameat2", "rename", from);
}

/** Gives two files each other's name; where the file system cannot, only the second gets the first's. @throws SyscallError */
export function exchange(path: string, other: string): void {
  const both = raw("renameat2", AT_FDCWD, one(path), AT_FDCWD, two(other), RENAME_EXCHANGE);
  if (both === -ERRNO.EINVAL || both === -ERRNO.ENOSYS) return rename(path, other);
  checked(both, "renameat2", "rename", path);
}

/** Makes a symbolic link. @throws SyscallError */
export function makeLink(target: string, path: string): void {
  const result = raw("symlinkat", one(target), AT_FDCWD, two(path));
  checked(result, "symlinkat", "make the link", path);
}

/** Makes a symbolic link; false when there is something of that name. @throws SyscallError */
export function makeLinkIfFree(target: string, path: string): boolean {
  const result = raw("symlinkat", one(target), AT_FDCWD, two(path));
  if (result === -ERRNO.EEXIST) return false;
  checked(result, "symlinkat", "make the link", path);
  return true;
}

/** Where a symbolic link leads; undefined when there is none. */
export function readLink(path: string): string | undefined {
  const length = raw("readlinkat", AT_FDCWD, one(path), SECOND, PATH_MAX);
  return length < 0
    ? undefined
    : new TextDecoder().decode(paths.subarray(PATH_MAX, PATH_MAX + length));
}

/** Removes a name that is not a directory. @throws SyscallError */
export function unlink(path: string): void {
  checked(raw("unlinkat", AT_FDCWD, one(path), 0), "unlinkat", "remove", path);
}

/** Removes an empty directory. @throws SyscallError */
export function removeDirectory(path: string): void {
  checked(raw("unlinkat", AT_FDCWD, one(path), AT_REMOVEDIR), "unlinkat", "remove", path);
}

/** Removes an empty directory; false when it is not empty. @throws SyscallError */
export function removeIfEmpty(path: string): boolean {
  const result = raw("unlinkat", AT_FDCWD, one(path), AT_REMOVEDIR);
  if (result === -ERRNO.ENOTEMPTY) return false;
  checked(result, "unlinkat", "remove", path);
  return true;
}

/** What statx(2) tells of a file. */
export interface FileStatus {
  /** File type and permissions, as st_mode. */
  mode: number;
  isDirectory: boolean;
  inode: number;
  /** Its owner. */
  uid: number;
  /** Bytes. */
  size: number;
  /** When its content or its attributes were changed, as `seconds.nanoseconds`. */
  changed: string;
  /** The file system it is on, as `major:minor`. */
  device: string;
  /** Of a device node. */
  node: { major: number; minor: number };
}

/** {@link FileStatus.changed} in milliseconds since 1970: no number with a fraction, its nanoseconds have no zeros in front. */
export function changeTime({ changed }: Pick<FileStatus, "changed">): number {
  const [seconds, nanoseconds] = changed.split(".");
  return Number(seconds) * 1000 + Number(nanoseconds) / 1e6;
}

/** Looks at a path, following links; undefined when nothing is there that we can see. */
export function fileStatus(path: string): FileStatus | undefined {
  return statusOf(raw("statx", AT_FDCWD, one(path), 0, STATX_BASIC_STATS, WORDS));
}

/** Looks at a path without following a link at its end; undefined when nothing is there that we can see. */
export function linkStatus(path: string): FileStatus | undefined {
  const flags = AT_SYMLINK_NOFOLLOW;
  return statusOf(raw("statx", AT_FDCWD, one(path), flags, STATX_BASIC_STATS, WORDS));
}

/** Looks at an open file; undefined when the descriptor is closed. */
export function openFileStatus(fd: number): FileStatus | undefined {
  return statusOf(raw("statx", fd, one(""), AT_EMPTY_PATH, STATX_BASIC_STATS, WORDS));
}

/** How many links a file has; undefined when nothing is there that we can see. */
export function linksOf(path: string): number | undefined {
  if (raw("statx", AT_FDCWD, one(path), 0, STATX_BASIC_STATS, WORDS) < 0) return undefined;
  return words[4];
}

/** Takes struct statx apart: 32-bit words, the smaller half of a larger number first. */
function statusOf(result: number): FileStatus | undefined {
  if (result < 0) return undefined;
  const word = (index: number): number => words[index] ?? 0;
  const mode = word(7) & 0xffff;
  return {
    mode,
    isDirectory: (mode & S_IFMT) === S_IFDIR,
    inode: word(8) + word(9) * WORD,
    uid: word(5),
    size: word(10) + word(11) * WORD,
    changed: `${word(24) + word(25) * WORD}.${word(26)}`,
    device: `${word(34)}:${word(35)}`,
    node: { major: word(32), minor: word(33) },
  };
}
