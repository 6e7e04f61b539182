/** Files that are always whole: the old content or the new one, also after a crash. */
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { messageOf, TsboxError } from "../errors.ts";

/**
 * Replaces a file's content, durably. The caller holds the lock that makes it the only writer.
 * @throws TsboxError "host" or "no-space"; the old content stays then
 */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  try {
    writeDurably(temporary, text);
    renameSync(temporary, path);
    syncDirectory(path.slice(0, path.lastIndexOf("/")));
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Writes a new file or the file anew, and waits until the disk has it. */
export function writeDurably(path: string, text: string | Uint8Array): void {
  const fd = openSync(path, "w", 0o600);
  try {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Makes the names in a directory durable: a rename is, only after this. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeError(path: string, error: unknown): TsboxError {
  const full = error instanceof Error && "code" in error &&
    (error.code === "ENOSPC" || error.code === "EDQUOT");
  return new TsboxError(
    full ? "no-space" : "host",
    `Cannot write "${path}": ${messageOf(error)}`,
    full ? { cause: error, hint: "free some space" } : { cause: error },
  );
}
