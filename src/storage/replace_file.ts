/** Files that are always whole: the old content or the new one, also after a crash. */
import { O } from "../ffi/constants.ts";
import { writeAll } from "../ffi/file_content.ts";
import { sys } from "../ffi/libc.ts";
import { closeFile, openFile, rename, unlink } from "../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../errors.ts";

/**
 * Replaces a file's content, durably. The caller holds the lock that makes it the only writer.
 * @throws TsboxError "host" or "no-space"; the old content stays then
 */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  try {
    writeDurably(temporary, text);
    rename(temporary, path);
    syncDirectory(path.slice(0, path.lastIndexOf("/")));
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Writes a new file or the file anew, and waits until the disk has it. */
export function writeDurably(path: string, text: string | Uint8Array): void {
  const fd = openFile(path, O.WRONLY | O.CREAT | O.TRUNC, 0o600);
  try {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    writeAll(fd, bytes, `write "${path}"`);
    sys(`write "${path}" to the disk`, "fsync", fd);
  } catch (error) {
    unlink(path);
    throw error;
  } finally {
    closeFile(fd);
  }
}

/** Makes the names in a directory durable: a rename is, only after this. */
export function syncDirectory(path: string): void {
  const fd = openFile(path, O.RDONLY);
  try {
    sys(`write "${path}" to the disk`, "fsync", fd);
  } finally {
    closeFile(fd);
  }
}

function writeError(path: string, error: unknown): TsboxError {
  const full = error instanceof TsboxError && error.code === "no-space";
  return new TsboxError(
    full ? "no-space" : "host",
    `Cannot write "${path}": ${messageOf(error)}`,
    full ? { cause: error, hint: "free some space" } : { cause: error },
  );
}
