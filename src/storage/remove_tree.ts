/** Deletes directory trees whatever is in them: foreign owners, no permissions, any depth. */
import { ERRNO } from "../ffi/errno.ts";
import { closeSync } from "node:fs";
import {
  bytesOfText,
  type ByteString,
  type DirectoryEntry,
  entriesOf,
  openAt,
  removeDirectoryAt,
  RENAME_NOREPLACE,
  renameAt,
  rewind,
  textOfBytes,
  unlinkAt,
} from "../ffi/files.ts";
import { AT_FDCWD, O } from "../ffi/constants.ts";
import { SyscallError } from "../ffi/libc.ts";

const EISDIR = 21;
const DIRECTORY_TYPE = 4;

/** Levels that are held open at once; what is deeper is moved up first. */
const MAX_DEPTH = 64;

/**
 * Deletes the tree at an absolute path; nothing when there is none. Symbolic links are not followed.
 * Meant for the worker: a caller that is not root of the user namespace fails on foreign owners.
 * @throws SyscallError
 */
export function removeTree(path: string): void {
  const slash = path.lastIndexOf("/");
  const parent = openAt(AT_FDCWD, bytesOfText(path.slice(0, slash) || "/"), O.PATH | O.DIRECTORY);
  if (parent === -ERRNO.ENOENT) return;
  if (parent < 0) throw new SyscallError(`delete "${path}"`, "openat", -parent);
  try {
    removeTreeAt(parent, bytesOfText(path.slice(slash + 1)));
  } finally {
    closeSync(parent);
  }
}

/** {@link removeTree} for a name in an open directory. */
export function removeTreeAt(parent: number, name: ByteString): void {
  const result = unlinkAt(parent, name);
  if (result === 0 || result === -ERRNO.ENOENT) return;
  if (result !== -EISDIR && result !== -ERRNO.EPERM) throw removeError(name, "unlinkat", result);
  const top = openDirectory(parent, name);
  if (top === undefined) return;
  try {
    for (;;) {
      emptyDirectory(top, top, 0, { count: 0 });
      const removed = removeDirectoryAt(parent, name);
      if (removed === 0 || removed === -ERRNO.ENOENT) return;
      // Another process that deletes the same tree may have moved something up.
      if (removed !== -ERRNO.ENOTEMPTY) throw removeError(name, "unlinkat", removed);
      rewind(top);
    }
  } finally {
    closeSync(top);
  }
}

/** Undefined when there is none any more. */
function openDirectory(parent: number, name: ByteString): number | undefined {
  const fd = openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd === -ERRNO.ENOENT) return undefined;
  if (fd < 0) throw removeError(name, "openat", fd);
  return fd;
}

/** A container can nest directories deeper than we can hold open, so deep ones become children of the top. */
function emptyDirectory(top: number, fd: number, depth: number, moved: { count: number }): void {
  for (;;) {
    const entries = entriesLeft(fd);
    for (const entry of entries) removeEntry(top, fd, entry, depth, moved);
    // The top gets new children while its own are deleted.
    if (fd !== top || entries.length === 0) return;
    rewind(fd);
  }
}

/** None in a directory that another process has deleted: the kernel lists that no more. */
function entriesLeft(fd: number): DirectoryEntry[] {
  try {
    return entriesOf(fd);
  } catch (thrown) {
    if (thrown instanceof SyscallError && thrown.errno === ERRNO.ENOENT) return [];
    throw thrown;
  }
}

function removeEntry(
  top: number,
  parent: number,
  { name, type }: DirectoryEntry,
  depth: number,
  moved: { count: number },
): void {
  if (type !== DIRECTORY_TYPE) {
    const result = unlinkAt(parent, name);
    if (result === 0 || result === -ERRNO.ENOENT) return;
    if (result !== -EISDIR) throw removeError(name, "unlinkat", result);
  }
  // Most directories of a deep chain are not empty; an empty one is gone without being opened.
  const result = removeDirectoryAt(parent, name);
  if (result === 0 || result === -ERRNO.ENOENT) return;
  if (result !== -ERRNO.ENOTEMPTY && result !== -ERRNO.EACCES) {
    throw removeError(name, "unlinkat", result);
  }
  if (depth >= MAX_DEPTH) return moveUp(top, parent, name, moved);
  for (;;) {
    const fd = openDirectory(parent, name);
    if (fd === undefined) return;
    try {
      emptyDirectory(top, fd, depth + 1, moved);
    } finally {
      closeSync(fd);
    }
    const removed = removeDirectoryAt(parent, name);
    if (removed === 0 || removed === -ERRNO.ENOENT) return;
    // Another process that deletes the same tree has removed it, and moved another one up to its name.
    if (removed !== -ERRNO.ENOTEMPTY) throw removeError(name, "unlinkat", removed);
  }
}

function moveUp(top: number, parent: number, name: ByteString, moved: { count: number }): void {
  for (;;) {
    const result = renameAt(parent, name, top, `.deleted-${moved.count++}`, RENAME_NOREPLACE);
    if (result === 0 || result === -ERRNO.ENOENT) return;
    if (result !== -ERRNO.EEXIST) throw removeError(name, "renameat2", result);
  }
}

function removeError(name: ByteString, call: "unlinkat" | "openat" | "renameat2", result: number) {
  return new SyscallError(`delete "${textOfBytes(name)}"`, call, -result);
}
