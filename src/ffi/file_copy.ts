/** Copying what is in an open file: by reference where the file system can, without filling its holes. */
import type { ByteString } from "./files.ts";
import { address, raw, sys, SyscallError } from "./libc.ts";

const FICLONE = 0x40049409;
const SEEK = { SET: 0, DATA: 3, HOLE: 4 } as const;
const [EIO, EINTR, ENXIO, EOPNOTSUPP] = [5, 4, 6, 95];
const WHAT = "copy a file";

/**
 * Makes `to`, an empty file open for writing, have the contents of `from`.
 * @param size of `from`, in bytes
 * @throws SyscallError
 */
export function copyContents(from: number, to: number, size: number): void {
  if (size === 0 || raw("ioctl", to, FICLONE, from) === 0) return;
  sys(WHAT, "ftruncate", to, size);
  for (let start = nextData(from, 0); start < size;) {
    const end = sys(WHAT, "lseek", from, start, SEEK.HOLE);
    copyRange(from, to, start, end);
    start = nextData(from, end);
  }
}

/**
 * Where the data of an open file are, in order; what is between is zeros. Moves the file's position.
 * @param size of the file, in bytes @throws SyscallError
 */
export function dataRegions(fd: number, size: number): { offset: number; length: number }[] {
  const regions: { offset: number; length: number }[] = [];
  for (let offset = nextData(fd, 0); offset < size;) {
    const end = Math.min(sys(WHAT, "lseek", fd, offset, SEEK.HOLE), size);
    regions.push({ offset, length: end - offset });
    offset = nextData(fd, end);
  }
  return regions;
}

/** Where data begins at or after a place; infinity when only a hole is left. */
function nextData(fd: number, from: number): number {
  const result = raw("lseek", fd, from, SEEK.DATA);
  if (result === -ENXIO) return Infinity;
  if (result < 0) throw new SyscallError(WHAT, "lseek", -result);
  return result;
}

function copyRange(from: number, to: number, start: number, end: number): void {
  for (const fd of [from, to]) sys(WHAT, "lseek", fd, start, SEEK.SET);
  let left = end - start;
  while (left > 0) {
    const done = raw("copy_file_range", from, 0, to, 0, left, 0);
    if (done === -EINTR) continue;
    // Not between these two files, or not on this kernel: by hand. A real error repeats itself there.
    if (done <= 0) return copyThroughMemory(from, to, left);
    left -= done;
  }
}

function copyThroughMemory(from: number, to: number, length: number): void {
  const buffer = Buffer.allocUnsafeSlow(Math.min(length, 1 << 20));
  const at = address(buffer);
  for (let left = length; left > 0;) {
    const got = sys(WHAT, "read", from, at, Math.min(left, buffer.length));
    if (got === 0) throw new SyscallError(WHAT, "read", EIO);
    for (let done = 0; done < got;) done += sys(WHAT, "write", to, at + done, got - done);
    left -= got;
  }
}

const LIST_MAX = 65536; // XATTR_LIST_MAX
let names: { buffer: Buffer; at: number } | undefined;

/** Names of the extended attributes of an open file; none where the file system has no such thing. */
export function attributeNames(fd: number): ByteString[] {
  if (names === undefined) {
    const buffer = Buffer.allocUnsafeSlow(LIST_MAX);
    names = { buffer, at: address(buffer) };
  }
  const length = raw("flistxattr", fd, names.at, LIST_MAX);
  if (length === -EOPNOTSUPP) return [];
  if (length < 0) throw new SyscallError("list extended attributes", "flistxattr", -length);
  return names.buffer.toString("latin1", 0, length).split("\0").slice(0, -1);
}
