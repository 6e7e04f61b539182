/**
 * File calls relative to descriptors, for code that must know exactly what it touches.
 *
 * Names are byte strings: one character is one byte (latin1), because names in archives and in the
 * kernel are bytes and need not be UTF-8. {@link bytesOfText} makes one out of ordinary text.
 */
import { ERRNO } from "./errno.ts";
import { O, RESOLVE, STATX_BASIC_STATS } from "./constants.ts";
import { address, raw, sys, SyscallError } from "./libc.ts";

/** Text with one character for each byte of a name. */
export type ByteString = string;

const ENODATA = 61;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;

/** Longest path the kernel takes, with its NUL. */
export const PATH_MAX = 4096;

// Buffers of this size never move (small typed arrays do once their .buffer is touched), so their
// addresses are taken once: an unpack makes hundreds of thousands of these calls.
const first = Buffer.allocUnsafeSlow(PATH_MAX);
const second = Buffer.allocUnsafeSlow(PATH_MAX);
const FIRST = address(first);
const SECOND = address(second);
const structure = Buffer.allocUnsafeSlow(PATH_MAX);
const STRUCTURE = address(structure);
const words = new DataView(structure.buffer);

/** One character for each byte of the text's UTF-8. */
export function bytesOfText(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** What a byte string says when it is UTF-8, for messages. */
export function textOfBytes(name: ByteString): string {
  return Buffer.from(name, "latin1").toString("utf8");
}

function put(buffer: Buffer, at: number, name: ByteString): number {
  if (name.length >= PATH_MAX) {
    throw new SyscallError(`use the path "${name.slice(0, 40)}..."`, "openat", ERRNO.ENAMETOOLONG);
  }
  buffer[buffer.write(name, "latin1")] = 0;
  return at;
}

const one = (name: ByteString): number => put(first, FIRST, name);
const two = (name: ByteString): number => put(second, SECOND, name);

/** openat(2), close-on-exec. Returns a descriptor or `-errno`. */
export function openAt(dir: number, name: ByteString, flags: number, mode = 0): number {
  return raw("openat", dir, one(name), flags | O.CLOEXEC, mode);
}

/** openat2(2), close-on-exec, with RESOLVE flags. Returns a descriptor or `-errno`. */
function openAt2(dir: number, name: ByteString, flags: number, resolve: number): number {
  words.setBigUint64(0, BigInt(flags | O.CLOEXEC), true);
  words.setBigUint64(8, 0n, true);
  words.setBigUint64(16, BigInt(resolve), true);
  return raw("openat2", dir, one(name), STRUCTURE, 24);
}

/**
 * Opens a directory below `root`, seeing `root` as "/": symbolic links and ".." cannot leave it.
 * Returns an O_PATH descriptor or `-errno`.
 */
export function openDirectoryIn(root: number, path: ByteString): number {
  const resolve = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS | RESOLVE.NO_XDEV;
  return openAt2(root, path === "" ? "." : path, O.PATH | O.DIRECTORY, resolve);
}

/** Times an openat2(2) is tried again: it fails with EAGAIN when anything on the host was renamed meanwhile. */
const TRIES = 100;

function openPatiently(dir: number, name: ByteString, flags: number, resolve: number): number {
  let fd = -ERRNO.EAGAIN;
  for (let tries = 0; fd === -ERRNO.EAGAIN && tries < TRIES; tries++) {
    fd = openAt2(dir, name === "" ? "." : name, flags, resolve);
  }
  return fd;
}

/**
 * Opens a path below `root`, seeing `root` as "/", across mounts: links and ".." cannot leave it, and links of
 * /proc to open files are not followed. Returns a descriptor or `-errno`.
 */
export function openInRoot(root: number, path: ByteString, flags: number): number {
  return openPatiently(root, path, flags, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS);
}

/** Opens a path below `dir` on which there is no symbolic link at all. Returns a descriptor or `-errno`. */
export function openWithoutLinks(dir: number, path: ByteString, flags: number): number {
  const resolve = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS;
  return openPatiently(dir, path, flags, resolve);
}

const RLIMIT_NOFILE = 7;

/** How many files this process may have open at a time: its soft limit. @throws SyscallError */
export function openFilesLimit(): number {
  sys("read the limit of open files", "prlimit64", 0, RLIMIT_NOFILE, 0, STRUCTURE);
  return Number(words.getBigUint64(0, true));
}

/** mkdirat(2). Returns 0 or `-errno`. */
export function makeDirectoryAt(dir: number, name: ByteString, mode: number): number {
  return raw("mkdirat", dir, one(name), mode);
}

/** mknodat(2). Returns 0 or `-errno`. @param mode file type and permissions */
export function makeNodeAt(dir: number, name: ByteString, mode: number, device: number): number {
  return raw("mknodat", dir, one(name), mode, device);
}

/** symlinkat(2). Returns 0 or `-errno`. */
export function makeLinkAt(target: ByteString, dir: number, name: ByteString): number {
  return raw("symlinkat", one(target), dir, two(name));
}

/** linkat(2) that does not follow a symbolic link. Returns 0 or `-errno`. */
export function hardLinkAt(
  fromDir: number,
  from: ByteString,
  dir: number,
  name: ByteString,
): number {
  return raw("linkat", fromDir, one(from), dir, two(name), 0);
}

/** fchownat(2) that does not follow a symbolic link. Returns 0 or `-errno`. */
export function changeOwnerAt(dir: number, name: ByteString, uid: number, gid: number): number {
  return raw("fchownat", dir, one(name), uid, gid, AT_SYMLINK_NOFOLLOW);
}

/** fchown(2). Returns 0 or `-errno`. */
export function changeOwner(fd: number, uid: number, gid: number): number {
  return raw("fchown", fd, uid, gid);
}

/** fchmod(2). Returns 0 or `-errno`. */
export function changeMode(fd: number, mode: number): number {
  return raw("fchmod", fd, mode);
}

/** fchmodat(2): follows a symbolic link, so only for names known not to be one. Returns 0 or `-errno`. */
export function changeModeAt(dir: number, name: ByteString, mode: number): number {
  return raw("fchmodat", dir, one(name), mode);
}

/** A point in time: whole seconds, possibly negative, and nanoseconds. */
export interface Time {
  seconds: number;
  nanoseconds: number;
}

function putTimes({ seconds, nanoseconds }: Time): number {
  for (const at of [0, 16]) {
    words.setInt32(at, seconds >>> 0, true);
    words.setInt32(at + 4, Math.floor(seconds / 2 ** 32), true);
    words.setInt32(at + 8, nanoseconds, true);
    words.setInt32(at + 12, 0, true);
  }
  return STRUCTURE;
}

/** Sets both times of an open file. Returns 0 or `-errno`. */
export function setTimes(fd: number, time: Time): number {
  return raw("utimensat", fd, 0, putTimes(time), 0);
}

/** Sets both times of a name, not following a symbolic link. Returns 0 or `-errno`. */
export function setTimesAt(dir: number, name: ByteString, time: Time): number {
  return raw("utimensat", dir, one(name), putTimes(time), AT_SYMLINK_NOFOLLOW);
}

/** Removes a name that is not a directory. Returns 0 or `-errno`. */
export function unlinkAt(dir: number, name: ByteString): number {
  return raw("unlinkat", dir, one(name), 0);
}

/** Removes an empty directory. Returns 0 or `-errno`. */
export function removeDirectoryAt(dir: number, name: ByteString): number {
  return raw("unlinkat", dir, one(name), AT_REMOVEDIR);
}

export const RENAME_NOREPLACE = 1;

/** renameat2(2). Returns 0 or `-errno`. */
export function renameAt(
  fromDir: number,
  from: ByteString,
  dir: number,
  name: ByteString,
  flags = 0,
): number {
  return raw("renameat2", fromDir, one(from), dir, two(name), flags);
}

/** readlinkat(2). @returns undefined when it is not a symbolic link or not there */
export function readLinkAt(dir: number, name: ByteString): ByteString | undefined {
  const length = raw("readlinkat", dir, one(name), STRUCTURE, PATH_MAX);
  return length < 0 ? undefined : structure.toString("latin1", 0, length);
}

/** What statx(2) tells. Times in whole seconds and nanoseconds. */
export interface FileStatus {
  /** File type and permissions, as st_mode. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  links: number;
  inode: number;
  mtime: Time;
  device: { major: number; minor: number };
  /** For device nodes. */
  node: { major: number; minor: number };
}

/**
 * Looks at a name without following a symbolic link; `""` is `dir` itself.
 * @returns undefined when it does not exist
 * @throws SyscallError
 */
export function statusAt(dir: number, name: ByteString): FileStatus | undefined {
  const flags = AT_SYMLINK_NOFOLLOW | (name === "" ? 0x1000 : 0);
  const result = raw("statx", dir, one(name), flags, STATX_BASIC_STATS, STRUCTURE);
  if (result === -ERRNO.ENOENT) return undefined;
  if (result < 0) throw new SyscallError(`look at "${textOfBytes(name)}"`, "statx", -result);
  return {
    links: words.getUint32(16, true),
    uid: words.getUint32(20, true),
    gid: words.getUint32(24, true),
    mode: words.getUint16(28, true),
    inode: Number(words.getBigUint64(32, true)),
    size: Number(words.getBigUint64(40, true)),
    mtime: {
      seconds: Number(words.getBigInt64(112, true)),
      nanoseconds: words.getUint32(120, true),
    },
    node: { major: words.getUint32(128, true), minor: words.getUint32(132, true) },
    device: { major: words.getUint32(136, true), minor: words.getUint32(140, true) },
  };
}

/** fsetxattr(2). Returns 0 or `-errno`. */
export function setAttribute(fd: number, name: ByteString, value: Uint8Array): number {
  return raw("fsetxattr", fd, one(name), pointerTo(value), value.length, 0);
}

function pointerTo(value: Uint8Array): number {
  return value.length === 0 ? 0 : address(value);
}

/** The value of an extended attribute of an open file; undefined when it has none of that name. */
export function attribute(fd: number, name: ByteString): Uint8Array | undefined {
  const value = new Uint8Array(65536);
  const length = raw("fgetxattr", fd, one(name), address(value), value.length);
  if (length >= 0) return value.slice(0, length);
  if (length === -ENODATA) return undefined;
  throw new SyscallError(`read the attribute "${name}"`, "fgetxattr", -length);
}

/** An entry of a directory. */
export interface DirectoryEntry {
  name: ByteString;
  /** d_type of getdents64(2): 4 is a directory, 0 unknown. */
  type: number;
}

/** Lets {@link entriesOf} begin anew. */
export function rewind(fd: number): void {
  sys("list a directory", "lseek", fd, 0, 0);
}

const DIRENT_BUFFER = 65536;

/** The entries of an open directory, without "." and "..". @throws SyscallError */
export function entriesOf(fd: number): DirectoryEntry[] {
  const buffer = Buffer.allocUnsafeSlow(DIRENT_BUFFER);
  const at = address(buffer);
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const length = sys("list a directory", "getdents64", fd, at, DIRENT_BUFFER);
    if (length === 0) return entries;
    for (let i = 0; i < length; i += buffer.readUInt16LE(i + 16)) {
      const end = buffer.indexOf(0, i + 19);
      const name = buffer.toString("latin1", i + 19, end);
      if (name !== "." && name !== "..") entries.push({ name, type: buffer[i + 18] ?? 0 });
    }
  }
}
