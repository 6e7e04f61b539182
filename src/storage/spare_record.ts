/**
 * Room for one more record of a container, kept while it runs: how it ended must be written down also when the disk
 * has become full meanwhile, or `wait`, `ps` and restart policies would not know.
 */
import { ERRNO } from "../ffi/errno.ts";
import {
  exchange,
  exists,
  fileStatus,
  isErrno,
  overwriteText,
  unlink,
  writeText,
} from "../ffi/quick_files.ts";

/** Bytes that an end, a new name and other limits may add to a record. */
const GROWTH = 4096;

const spareOf = (directory: string) => `${directory}/container.json.spare`;

/** Whether a write failed for want of room. */
export function isFull(thrown: unknown): boolean {
  return isErrno(thrown, ERRNO.ENOSPC) || isErrno(thrown, ERRNO.EDQUOT);
}

/** Keeps room for the record of the container in `directory`, as far as there is any. */
export function keepSpare(directory: string): void {
  const spare = spareOf(directory);
  if (exists(spare)) return;
  try {
    const size = (fileStatus(`${directory}/container.json`)?.size ?? 0) + GROWTH;
    // With bytes in it: a file of holes has no room.
    writeText(spare, " ".repeat(size), 0o600);
  } catch {
    // The disk is full already.
  }
}

/** Gives the room back. */
export function dropSpare(directory: string): void {
  try {
    unlink(spareOf(directory));
  } catch {
    // None was kept.
  }
}

/**
 * Writes a record into the room that was kept. What was the record is the room for the next one.
 * @param path of the record
 * @returns false when there is none, or the file system writes nothing in place: then the room has been given back
 */
export function writeSpare(directory: string, path: string, text: string): boolean {
  const spare = spareOf(directory);
  try {
    overwriteText(spare, text);
    exchange(spare, path);
    return true;
  } catch {
    dropSpare(directory);
    return false;
  }
}
