/**
 * What lists show of containers, so that the next list need not read their records: `listed` in the store. Two lines
 * are for containers that do not run, two for those that do: marks (see file_marks.ts) and, in the same order, what
 * the records said.
 *
 * A cache, and no more than that: a record that was written since is another file, so nobody has to tell this one of
 * a change, and it may be deleted at any time.
 */
import { isSameMark, MARK } from "../ffi/file_marks.ts";
import { readBytes, rename, writeText } from "../ffi/quick_files.ts";
import type { ListedRecord } from "./listed_record.ts";

const NEW_LINE = 10;
const NOTHING = new Uint8Array(0);
const WORD = 0x100000000;

/** The records of one kind. */
export class KnownRecords {
  readonly #marks: Uint32Array;
  readonly #text: Uint8Array;
  readonly #byInode = new Map<number, number>();
  #records: readonly ListedRecord[] | undefined;

  constructor(marks: Uint32Array, text: Uint8Array) {
    this.#marks = marks;
    this.#text = text;
    for (let at = 0; at < marks.length; at += MARK.words) {
      this.#byInode.set(inode(marks, at), at);
    }
  }

  /** What is known of the record with the mark that begins at `at`; undefined when that is nothing. */
  find(words: Uint32Array, at: number): number | undefined {
    const found = this.#byInode.get(inode(words, at));
    return found !== undefined && isSameMark(words, at, this.#marks, found) ? found : undefined;
  }

  /** What find() has found; undefined when it cannot be read. */
  record(found: number): ListedRecord | undefined {
    this.#records ??= parseRecords(this.#text);
    return this.#records[found / MARK.words];
  }
}

function inode(words: Uint32Array, at: number): number {
  return (words[at + MARK.inode] ?? 0) + (words[at + MARK.inode + 1] ?? 0) * WORD;
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
    return { resting: knownOf(lines[0], lines[1]), running: knownOf(lines[2], lines[3]) };
  } catch {
    return { resting: none(), running: none() };
  }
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
  if (marks.length % MARK.words !== 0) throw new RangeError("half a mark");
  return new KnownRecords(marks, text);
}

/** A record and its mark. */
export interface MarkedRecord {
  /** Of {@link MARK}.words words. */
  mark: Uint32Array;
  record: ListedRecord;
}

/** Keeps for the next command what this one knows. Not being able to is no error. */
export function keepKnown(dataRoot: string, records: readonly MarkedRecord[]): void {
  const runs = ({ record }: MarkedRecord) => record.state.status === "running";
  const text = linesFor(records.filter((known) => !runs(known))) + linesFor(records.filter(runs));
  const temporary = `${dataRoot}/tmp/listed.${process.pid}`;
  try {
    writeText(temporary, text, 0o600);
    rename(temporary, `${dataRoot}/listed`);
  } catch {
    // A store that is full, or not ours to write: it is read again the next time.
  }
}

function linesFor(known: readonly MarkedRecord[]): string {
  const marks = new Uint32Array(known.length * MARK.words);
  known.forEach(({ mark }, i) => marks.set(mark, i * MARK.words));
  const records = known.map(({ record }) => record);
  return `${new Uint8Array(marks.buffer).toBase64()}\n${JSON.stringify(records)}\n`;
}
