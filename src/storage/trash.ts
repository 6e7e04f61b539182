/**
 * Trees that have left the store and only take room: named so in `tmp/` by one rename(2), deleted then by
 * whoever comes first. A deletion that was killed half way is finished by the next command.
 */
import { ERRNO } from "../ffi/errno.ts";
import { listDirectory } from "../ffi/listing.ts";
import { isErrno } from "../ffi/quick_files.ts";

const PREFIX = "trash-";

/** Where a tree is renamed to in order to be deleted; absolute. Pure. @param what a name of its own */
export function trashPath(dataRoot: string, what: string): string {
  return `${dataRoot}/tmp/${PREFIX}${what}`;
}

/** Whether a name in `tmp/` is that of such a tree: it is done with, however young it is. Pure. */
export function isTrashName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Absolute paths of the trees that are still to be deleted, or are being deleted right now. */
export function listTrash(dataRoot: string): string[] {
  const tmp = `${dataRoot}/tmp`;
  try {
    return listDirectory(tmp).filter(({ name, isDirectory }) => isDirectory && isTrashName(name))
      .map(({ name }) => `${tmp}/${name}`);
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return [];
    throw thrown;
  }
}
