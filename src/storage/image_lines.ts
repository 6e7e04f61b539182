/**
 * What the table of `images` shows of a long list, so that the next one need not be made of the index: `listed-images`
 * in the store. A cache, and no more than that: an index that was changed since is another file, so nobody has to
 * tell this one of a change, and it may be deleted at any time.
 */
import { changeTime, type FileStatus, fileStatus, readTextIfAny } from "../ffi/quick_files.ts";
import { SETTLED, writeCache } from "./cache_file.ts";
import { storePaths } from "./layout.ts";

/** To be counted up with every change of what the lines look like, and of this file. */
const FORMAT = 3;
/** A shorter list is made anew in less time. */
const WORTH_KEEPING = 100;

/** The lines of a table, newest image first: all but a column that changes as time goes by. */
export interface ImageLines {
  /** What stands before it, the titles first; padded. */
  left: string[];
  /** Seconds since 1970 of each line but the titles; 0 where no time is known. */
  created: number[];
  /** What stands behind it. */
  right: string[];
}

type FileMark = Pick<FileStatus, "inode" | "changed" | "size">;

/** Which index there is; undefined without one. To be asked for before the index is read. */
export interface IndexMark {
  text: string;
  /** Milliseconds since 1970. */
  changed: number;
}

export function indexMark(dataRoot: string): IndexMark | undefined {
  const status = fileStatus(storePaths(dataRoot).images);
  return status && markOf(status);
}

/** Pure. */
export function markOf({ inode, changed, size }: FileMark): IndexMark {
  return { text: `${inode} ${changed} ${size}`, changed: changeTime({ changed }) };
}

/** What was kept for this index; undefined when that is nothing, or is not what was written. */
export function readLines(dataRoot: string, mark: IndexMark): ImageLines | undefined {
  const kept = readTextIfAny(`${dataRoot}/listed-images`);
  if (kept === undefined) return undefined;
  const end = kept.indexOf("\n");
  const text = kept.slice(end + 1);
  // We alone write this file: with its first line as it must be, the rest has its shape.
  return kept.slice(0, end) === headOf(mark, text) ? JSON.parse(text) : undefined;
}

/** What stands before the lines: nothing else would show that the disk has changed a letter of a name. */
function headOf({ text: mark }: IndexMark, lines: string): string {
  return `${FORMAT} ${mark} ${Bun.hash(lines)}`;
}

/** Keeps a long list for the next command. Not being able to is no error. */
export function keepLines(
  dataRoot: string,
  mark: IndexMark,
  lines: ImageLines,
): void {
  if (lines.created.length < WORTH_KEEPING || Date.now() - mark.changed < SETTLED) return;
  const text = JSON.stringify(lines);
  writeCache(dataRoot, "listed-images", `${headOf(mark, text)}\n${text}`);
}
