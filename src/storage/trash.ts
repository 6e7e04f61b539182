/**
 * Trees that have left the store and only take room: named so in `tmp/` by one rename(2), deleted then by
 * whoever comes first. A deletion that was killed half way is finished by the next command.
 */
import { ERRNO } from "../ffi/errno.ts";
import { listDirectory } from "../ffi/listing.ts";
import { exists, isErrno, unlink } from "../ffi/quick_files.ts";
import { lockFile } from "./lock.ts";

const PREFIX = "trash-";
const LOCK = ".lock";

/** Where a tree is renamed to in order to be deleted; absolute. Pure. @param what a name of its own */
export function trashPath(dataRoot: string, what: string): string {
  return `${dataRoot}/tmp/${PREFIX}${what}`;
}

/** Whether a name in `tmp/` is that of such a tree: it is done with, however young it is. Pure. */
export function isTrashName(name: string): boolean {
  return name.startsWith(PREFIX) && !name.endsWith(LOCK);
}

/** {@link isTrashName} for a path. Pure. */
export function isTrash(path: string): boolean {
  return isTrashName(path.slice(path.lastIndexOf("/") + 1));
}

/** The lock that who deletes a large tree holds, so that others need not. Pure. */
export function trashLock(tree: string): string {
  return tree + LOCK;
}

/** Absolute paths of the trees that are to be deleted and that nobody is deleting right now. */
export function listTrash(dataRoot: string): string[] {
  return trashNames(dataRoot).filter(isTrashName).map((name) => `${dataRoot}/tmp/${name}`)
    .filter((tree) => !isTaken(tree));
}

function trashNames(dataRoot: string): string[] {
  try {
    return listDirectory(`${dataRoot}/tmp`).map(({ name }) => name)
      .filter((name) => name.startsWith(PREFIX));
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return [];
    throw thrown;
  }
}

function isTaken(tree: string): boolean {
  if (!exists(trashLock(tree))) return false;
  const lock = lockFile(trashLock(tree), "exclusive", { wait: false });
  if (lock === undefined) return true;
  // Whoever held it may have ended its work since we looked: then this is a lock of our own making.
  if (!exists(tree)) unlink(trashLock(tree));
  lock.release();
  return false;
}

/**
 * Deletes the trees that nobody is deleting, and the locks that the dead have left. For a worker.
 * @param remove deletes a tree, whatever is in it
 */
export function emptyTrash(dataRoot: string, remove: (tree: string) => void): void {
  const trees = trashNames(dataRoot).map((name) => name.endsWith(LOCK) ? name.slice(0, -5) : name);
  for (const name of new Set(trees)) {
    const tree = `${dataRoot}/tmp/${name}`;
    const lock = lockFile(trashLock(tree), "exclusive", { wait: false });
    if (lock === undefined) continue;
    try {
      remove(tree);
    } finally {
      unlink(trashLock(tree));
      lock.release();
    }
  }
}
