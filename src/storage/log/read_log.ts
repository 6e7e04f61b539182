/** Reading a log forwards, over the bounds of its files, while it is being written or not. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { O } from "../../ffi/constants.ts";
import { readAt } from "../../ffi/file_content.ts";
import { closeFile, openFile, openFileStatus } from "../../ffi/quick_files.ts";
import { listLogFiles, type LogFileName } from "./log_files.ts";
import type { LogFormat, LogPiece } from "./piece.ts";

/** A log, and from where it is read. */
export interface LogReading {
  directory: string;
  format: LogFormat;
  start: { number: number; offset: number };
  /** Waits at the end of the log; false when nothing will be added any more. Without it, the end is the end. */
  more?: () => Promise<boolean>;
  /** Told that files were deleted before they could be read, or one is damaged. */
  missed(what: string): void;
}

/** Bytes read at a time. */
const BLOCK = 1 << 18;

/** The pieces, as many at a time as a block has. Each is valid until the next are asked for. @throws SyscallError */
export async function* readLog(reading: LogReading): AsyncGenerator<LogPiece[]> {
  const { directory, format, more, missed } = reading;
  let { number, offset } = reading.start;
  let isOver = more === undefined;
  for (;;) {
    const file = nextFile(directory, format, number);
    if (file !== undefined) {
      if (file.number > number && number > 0) {
        missed("a part of the log was deleted before it was read");
      }
      if (file.number > number) offset = 0;
      number = file.number;
      if (file.compressed) yield* compressedPieces(`${directory}/${file.name}`, reading);
      else {
        const end = yield* plainPieces(file, offset, isOver, reading);
        if (end.isNewest) return;
        isOver ||= end.isOver;
      }
      number++;
      offset = 0;
    } else if (isOver || !(await more?.())) {
      if (isOver) return;
      isOver = true;
    }
  }
}

/** The file of that number, or the next one there is. */
function nextFile(directory: string, format: LogFormat, number: number): LogFileName | undefined {
  return listLogFiles(directory, format.extension).find((file) => file.number >= number);
}

function isNewest(directory: string, format: LogFormat, number: number): boolean {
  return nextFile(directory, format, number + 1) === undefined;
}

/** Returns whether that was the end of the log. */
async function* plainPieces(
  { name, number }: LogFileName,
  start: number,
  wasOver: boolean,
  { directory, format, more, missed }: LogReading,
): AsyncGenerator<LogPiece[], { isNewest: boolean; isOver: boolean }> {
  let fd: number;
  try {
    fd = openFile(`${directory}/${name}`, O.RDONLY);
  } catch {
    // Deleted, or compressed, since we looked; what comes is found by its number.
    return { isNewest: false, isOver: wasOver };
  }
  let [offset, isOver] = [start, wasOver];
  try {
    for (;;) {
      // Before the reading: a file with a successor gets nothing more.
      const newest = isNewest(directory, format, number);
      const blocks = blocksOf(fd, offset, format);
      for (const { pieces, end } of blocks) {
        if (pieces.length > 0) yield pieces;
        offset = end;
      }
      if (!newest) return { isNewest: false, isOver };
      if (isOver) return { isNewest: true, isOver };
      isOver = !(await more?.());
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    missed("a part of the log is damaged");
    return { isNewest: isNewest(directory, format, number), isOver };
  } finally {
    closeFile(fd);
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "corrupt";
}

/** The complete entries from `offset` to the end; `end` is where those behind them begin. */
function* blocksOf(fd: number, offset: number, format: LogFormat) {
  let buffer = new Uint8Array(BLOCK);
  for (let at = offset;;) {
    const length = readAt(fd, buffer, at);
    const pieces: LogPiece[] = [];
    const used = format.decode(buffer.subarray(0, length), (piece) => pieces.push(piece));
    at += used;
    if (used > 0) yield { pieces, end: at };
    else if (length < buffer.length || buffer.length >= format.maxEntry) return;
    // An entry is larger than the buffer.
    else buffer = new Uint8Array(Math.min(buffer.length * 2, format.maxEntry));
  }
}

/** All of a compressed file; it was complete when it got its name. */
export async function* compressedPieces(
  path: string,
  { format, missed }: Pick<LogReading, "format" | "missed">,
): AsyncGenerator<LogPiece[]> {
  let rest: Uint8Array = new Uint8Array(0);
  const inflating = createReadStream(path).on("error", (error) => inflating.destroy(error)).pipe(
    createGunzip({ chunkSize: BLOCK }),
  );
  try {
    for await (const chunk of inflating) {
      const bytes = Buffer.concat([rest, chunk]);
      const pieces: LogPiece[] = [];
      const used = format.decode(bytes, (piece) => pieces.push(piece));
      if (pieces.length > 0) yield pieces;
      rest = bytes.subarray(used);
    }
  } catch {
    missed("a part of the log is damaged");
  } finally {
    inflating.destroy();
  }
}

/** Bytes of an open file. */
export function sizeOf(fd: number): number {
  return openFileStatus(fd)?.size ?? 0;
}
