/** Where the last lines of a log begin, found from its end. */
import { O } from "../../ffi/constants.ts";
import { closeFile, openIfThere } from "../../ffi/quick_files.ts";
import { listLogFiles, type LogFileName } from "./log_files.ts";
import type { LogFormat, TailSearch, TailStart } from "./piece.ts";
import { compressedPieces, sizeOf } from "./read_log.ts";

/** Where to begin to read, and how many lines to leave out there. */
export interface LogStart {
  number: number;
  offset: number;
  skip: number;
}

/** @param wanted lines @throws SyscallError */
export async function tailOf(
  directory: string,
  format: LogFormat,
  wanted: number,
): Promise<LogStart> {
  const search = format.tail(wanted);
  const files = listLogFiles(directory, format.extension);
  for (const file of files.toReversed()) {
    const found = file.compressed
      ? await searchCompressed(`${directory}/${file.name}`, format, search)
      : searchPlain(`${directory}/${file.name}`, search);
    if (found === undefined) continue;
    return { number: file.number, offset: found.offset, skip: found.lines - wanted };
  }
  return { number: oldest(files), offset: 0, skip: Math.max(0, search.lines - wanted) };
}

function oldest([first]: readonly LogFileName[]): number {
  return first?.number ?? 0;
}

function searchPlain(path: string, search: TailSearch): TailStart | undefined {
  const fd = openIfThere(path, O.RDONLY);
  if (fd === undefined) return undefined;
  try {
    return search.search(fd, sizeOf(fd));
  } finally {
    closeFile(fd);
  }
}

/** It can only be read forwards. */
async function searchCompressed(
  path: string,
  format: LogFormat,
  search: TailSearch,
): Promise<TailStart | undefined> {
  for await (const pieces of compressedPieces(path, { format, missed: () => {} })) {
    for (const piece of pieces) search.count(piece);
  }
  return search.counted();
}
