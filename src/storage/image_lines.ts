/**
 * What the table of `images` shows of a long list, so that the next one need not be made of the index: `listed-images`
 * in the store. A cache, and no more than that: an index that was changed since is another file, so nobody has to
 * tell this one of a change, and it may be deleted at any time.
 */
import { fileStatus, readTextIfAny, rename, writeText } from "../ffi/quick_files.ts";
import { storePaths } from "./layout.ts";

/** To be counted up with every change of what the lines look like. */
const FORMAT = 2;
/** Milliseconds after which two contents of a file cannot have the same time, however coarse the kernel's clock. */
const SETTLED = 2000;
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

interface Kept {
  format: number;
  mark: string;
  lines: ImageLines;
}

/** Which index there is; undefined without one. To be asked for before the index is read. */
export interface IndexMark {
  text: string;
  /** Milliseconds since 1970. */
  changed: number;
}

export function indexMark(dataRoot: string): IndexMark | undefined {
  const status = fileStatus(storePaths(dataRoot).images);
  if (status === undefined) return undefined;
  const { inode, changed, size } = status;
  return { text: `${inode} ${changed} ${size}`, changed: Number(changed) * 1000 };
}

/** What was kept for this index; undefined when that is nothing, or cannot be read. */
export function readLines(dataRoot: string, { text }: IndexMark): ImageLines | undefined {
  const kept = readTextIfAny(`${dataRoot}/listed-images`);
  if (kept === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(kept);
    return isKept(value) && value.format === FORMAT && value.mark === text
      ? value.lines
      : undefined;
  } catch {
    return undefined;
  }
}

/** We alone write this file, and whole: what says its format has its shape. */
function isKept(value: unknown): value is Kept {
  return typeof value === "object" && value !== null && "format" in value && "mark" in value &&
    "lines" in value;
}

/** Keeps a long list for the next command. Not being able to is no error. */
export function keepLines(
  dataRoot: string,
  { text, changed }: IndexMark,
  lines: ImageLines,
): void {
  if (lines.created.length < WORTH_KEEPING || Date.now() - changed < SETTLED) return;
  const kept: Kept = { format: FORMAT, mark: text, lines };
  const temporary = `${dataRoot}/tmp/listed-images.${process.pid}`;
  try {
    writeText(temporary, JSON.stringify(kept), 0o600);
    rename(temporary, `${dataRoot}/listed-images`);
  } catch {
    // A store that is full, or not ours to write: the list is made anew the next time.
  }
}
