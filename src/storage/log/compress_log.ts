/** Compressing the files of a log that are full. */
import { createReadStream, createWriteStream, renameSync, rmSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { compressedName, listLogFiles } from "./log_files.ts";

/** Fast: a log is read seldom. */
const LEVEL = 3;

/**
 * Compresses all files but the newest, one after the other. What cannot be compressed stays as it is.
 * @param signal ends it; nothing is left half made then
 */
export async function compressLogFiles(
  directory: string,
  extension: string,
  signal: AbortSignal,
): Promise<void> {
  const full = listLogFiles(directory, extension).slice(0, -1);
  for (const { name, compressed } of full) {
    if (signal.aborted) return;
    if (!compressed) await compressFile(`${directory}/${name}`, signal);
  }
}

async function compressFile(path: string, signal: AbortSignal): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const writing = createWriteStream(temporary, { flags: "w", mode: 0o600, flush: true });
    await pipeline(createReadStream(path), createGzip({ level: LEVEL }), writing, { signal });
    // Who reads the plain file meanwhile goes on reading it.
    renameSync(temporary, compressedName(path));
    rmSync(path);
  } catch {
    // No space, or it was deleted as the oldest.
    rmSync(temporary, { force: true });
  }
}
