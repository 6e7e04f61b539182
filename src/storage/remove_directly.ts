import { ERRNO } from "../ffi/errno.ts";
import { listDirectory, type ListedName } from "../ffi/listing.ts";
import { changeMode, isErrno, removeDirectory, removeIfEmpty, unlink } from "../ffi/quick_files.ts";

/**
 * Removes a tree as the caller, following no link; returns whether all of it is gone.
 *
 * Files of foreign owners, names that are not UTF-8 and paths beyond the kernel's limit stay: those are for the worker, which
 * is root of the user namespace and needs its own process.
 */
export function removeDirectly(path: string): boolean {
  try {
    removeTree(path);
    return true;
  } catch (thrown) {
    return isErrno(thrown, ERRNO.ENOENT);
  }
}

function removeTree(path: string): void {
  // An empty one may be unreadable: overlayfs makes its work directory with mode 0.
  if (removeIfEmpty(path)) return;
  for (const { name, isDirectory } of entries(path)) {
    const child = `${path}/${name}`;
    if (isDirectory) removeTree(child);
    else unlink(child);
  }
  removeDirectory(path);
}

function entries(path: string): ListedName[] {
  try {
    return listDirectory(path);
  } catch (thrown) {
    if (!isErrno(thrown, ERRNO.EACCES)) throw thrown;
    changeMode(path, 0o700);
    return listDirectory(path);
  }
}
