/**
 * What lists show of containers, so that the next list need not read their records: `listed` in the store. Behind a
 * line with the number of this format, two lines are for containers that do not run, two for those that do: marks
 * (see file_marks.ts) and, in the same order, what the records said.
 *
 * A cache, and no more than that: a record that was written since is another file, so nobody has to tell this one of
 * a change, and it may be deleted at any time.
 */
import { MARK } from "../ffi/file_marks.ts";
import { readBytes } from "../ffi/quick_files.ts";
import { writeCache } from "./cache_file.ts";
import type { ListedRecord } from "./listed_record.ts";

const FORMAT = "2";
const NEW_LINE = 10;
const NOTHING = new Uint8Array(0);
const WORD = 0x100000000;

/** The words of a mark as they are kept. */
const KEPT = [MARK.inode, MARK.inodeHigh, MARK.size, MARK.seconds, MARK.nanoseconds];
const WORDS = 5;

/** The records of one kind. */
export class KnownRecords {
  readonly #marks: Uint32Array;
  readonly #text: Uint8Array;
  #byInode: Map<number, number> | undefined;
  #records: readonly ListedRecord[] | undefined;
  /** Where the next one is looked for: they are kept in the order in which they are asked for. */
  #next = 0;

  constructor(marks: Uint32Array, text: Uint8Array) {
    this.#marks = marks;
    this.#text = text;
  }

  /** What is known of the record with the mark that begins at `at`; undefined when that is nothing. */
  find(words: Uint32Array, at: number): number | undefined {
    let found: number | undefined = this.#next;
    if (!this.#is(found, words, at)) {
      this.#byInode ??= this.#inodes();
      found = this.#byInode.get(inode(words[at + MARK.inode], words[at + MARK.inodeHigh]));
      if (found === undefined || !this.#is(found, words, at)) return undefined;
    }
    this.#next = found + WORDS;
    return found;
  }

  /** What find() has found; undefined when it cannot be read. */
  record(found: number): ListedRecord | undefined {
    this.#records ??= parseRecords(this.#text);
    return this.#records[found / WORDS];
  }

  #is(found: number, words: Uint32Array, at: number): boolean {
    const marks = this.#marks;
    return marks[found] === words[at + MARK.inode] &&
      marks[found + 1] === words[at + MARK.inodeHigh] &&
      marks[found + 2] === words[at + MARK.size] &&
      marks[found + 3] === words[at + MARK.seconds] &&
      marks[found + 4] === words[at + MARK.nanoseconds];
  }

  #inodes(): Map<number, number> {
    const marks = this.#marks;
    const places = new Map<number, number>();
    for (let i = 0; i < marks.length; i += WORDS) places.set(inode(marks[i], marks[i + 1]), i);
    return places;
  }
}

function inode(low = 0, high = 0): number {
  return low + high * WORD;
}

/** We alone write this file, and whole; one that was damaged is as good as none. */
function parseRecords(text: Uint8Array): readonly ListedRecord[] {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(text));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** By whether the containers run. */
export interface Known {
  resting: KnownRecords;
  running: KnownRecords;
}

/** What a command before has kept; nothing where there is nothing, or nothing that can be read. */
export function readKnown(dataRoot: string): Known {
  const none = () => new KnownRecords(new Uint32Array(0), NOTHING);
  try {
    const lines = linesOf(readBytes(`${dataRoot}/listed`));
    if (lines.length === 5 && new TextDecoder().decode(lines[0]) === FORMAT) {
      return { resting: knownOf(lines[1], lines[2]), running: knownOf(lines[3], lines[4]) };
    }
  } catch {
    // Nothing that we wrote, or no file.
  }
  return { resting: none(), running: none() };
}

function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(NEW_LINE, start);
    if (end < 0) break;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** @throws SyntaxError, RangeError for what we cannot have written */
function knownOf(line: Uint8Array = NOTHING, text: Uint8Array = NOTHING): KnownRecords {
  const bytes = Uint8Array.fromBase64(new TextDecoder().decode(line));
  const marks = new Uint32Array(bytes.buffer);
  if (marks.length % WORDS !== 0) throw new RangeError("half a mark");
  return new KnownRecords(marks, text);
}

/** A record and its mark. */
export interface MarkedRecord {
  /** The words in which it is, and where it begins. */
  words: Uint32Array;
  at: number;
  record: ListedRecord;
}

/** Keeps for the next command what this one knows. Not being able to is no error. */
export function keepKnown(dataRoot: string, records: readonly MarkedRecord[]): void {
  const runs = ({ record }: MarkedRecord) => record.state.status === "running";
  const resting = linesFor(records.filter((known) => !runs(known)));
  const text = `${FORMAT}\n${resting}${linesFor(records.filter(runs))}`;
  writeCache(dataRoot, "listed", text);
}

function linesFor(known: readonly MarkedRecord[]): string {
  const marks = Uint32Array.from(
    known.flatMap(({ words, at }) => KEPT.map((i) => words[at + i] ?? 0)),
  );
  const records = known.map(({ record }) => record);
  return `${new Uint8Array(marks.buffer).toBase64()}\n${JSON.stringify(records)}\n`;
}
