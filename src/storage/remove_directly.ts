import { O } from "../ffi/constants.ts";
import { ERRNO } from "../ffi/errno.ts";
import { listDirectory, type ListedName } from "../ffi/listing.ts";
import {
  changeMode,
  closeFile,
  isErrno,
  isReadWritable,
  linkStatus,
  openFile,
  removeDirectory,
  removeIfEmpty,
  unlink,
} from "../ffi/quick_files.ts";

/** Levels that are removed here, each with an open descriptor. */
const MAX_DEPTH = 64;
/** Names that are removed in a few milliseconds: with more a user should not be kept waiting. */
export const FEW_NAMES = 1000;
/** How often it is begun anew when somebody else deletes the same tree; each time there is less of it. */
const MAX_TRIES = 100;

/**
 * Removes a tree as the caller, following no link; returns whether all of it is gone.
 *
 * Files of foreign owners, names that are not UTF-8 and what is deeper stay: those are for the worker,
 * which is root of the user namespace and needs its own process. What somebody else, such as another
 * command that finishes the same deletion, removes from under us counts as removed.
 */
export function removeDirectly(path: string): boolean {
  return removeSmall(path) === "gone";
}

/** What {@link removeSmall} came to: `foreign` has something for the worker, `large` more than is done here. */
export type Removal = "gone" | "foreign" | "large";

/**
 * {@link removeDirectly}, up to so many names: with more, the caller should not be kept waiting.
 * @param limit names, for this tree
 */
export function removeSmall(path: string, limit: number = Infinity): Removal {
  const room = { left: limit };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      removeTree(path, 0, room);
      return "gone";
    } catch (thrown) {
      if (room.left <= 0) return "large";
      if (!isErrno(thrown, ERRNO.ENOENT)) return "foreign";
      if (linkStatus(path) === undefined) return "gone";
    }
  }
  return "foreign";
}

/** How many names may still be removed. */
interface Room {
  left: number;
}

/**
 * Goes by descriptors: a process that a container has left on the host's process ids may still exchange
 * directories for links while we are in them.
 */
function removeTree(path: string, depth: number, room: Room): void {
  // An empty one may be unreadable: overlayfs makes its work directory with mode 0.
  if (removeIfEmpty(path)) return;
  if (depth === MAX_DEPTH) throw new RangeError(`"${path}" is too deep to be removed here`);
  const fd = openFile(path, O.PATH | O.DIRECTORY | O.NOFOLLOW);
  try {
    const here = `/proc/self/fd/${fd}`;
    for (const { name, isDirectory } of entries(here)) {
      if (room.left-- <= 0) throw new RangeError(`"${path}" is too large to be removed here`);
      if (isDirectory) removeTree(`${here}/${name}`, depth + 1, room);
      else unlink(`${here}/${name}`);
    }
  } finally {
    closeFile(fd);
  }
  removeDirectory(path);
}

/** @param directory a descriptor's name, which leads to the directory itself, also to one that cannot be entered */
function entries(directory: string): ListedName[] {
  if (!isReadWritable(`${directory}/.`)) changeMode(directory, 0o700);
  return listDirectory(`${directory}/.`);
}
