/** How much a directory holds. Runs as root of the user namespace, which may look everywhere. */
import { AT_FDCWD, O } from "../ffi/constants.ts";
import { bytesOfText, type ByteString, entriesOf, openAt, statusAt } from "../ffi/files.ts";
import { ERRNO } from "../ffi/errno.ts";
import { raw, SyscallError } from "../ffi/libc.ts";

const TYPE_MASK = 0o170000;
const DIRECTORY = 0o040000;

/** Levels that are counted; each holds a descriptor. What is deeper is somebody's joke. */
const MAX_DEPTH = 500;

/**
 * Bytes of all files below an absolute path, each file once whatever its names are; 0 when nothing is
 * there. Links are not followed.
 * @throws SyscallError
 */
export function treeSize(path: string): number {
  return sizeOf(AT_FDCWD, bytesOfText(path), new Set(), 0);
}

function sizeOf(parent: number, name: ByteString, seen: Set<number>, depth: number): number {
  if (depth > MAX_DEPTH) return 0;
  const fd = openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd === -ERRNO.ENOENT) return 0;
  if (fd < 0) throw new SyscallError("measure a volume", "openat", -fd);
  try {
    let sum = 0;
    for (const entry of entriesOf(fd)) {
      const status = statusAt(fd, entry.name);
      if (status === undefined) continue;
      if ((status.mode & TYPE_MASK) === DIRECTORY) sum += sizeOf(fd, entry.name, seen, depth + 1);
      else if (status.links < 2 || !seen.has(status.inode)) sum += status.size;
      if (status.links > 1) seen.add(status.inode);
    }
    return sum;
  } finally {
    raw("close", fd);
  }
}
