/**
 * Which containers are known not to run, and what lists show of them: `resting` in the store, a line of marks (see
 * file_marks.ts) of the records that were seen to say so, and a line with the listed part of each.
 *
 * A cache, and no more than that: a record that was written since is another file, so nobody has to tell this one of
 * a change, and it may be deleted at any time. Without it `ps` reads a thousand records to show three containers.
 */
import { isSameMark, MARK } from "../ffi/file_marks.ts";
import { readBytes, rename, writeText } from "../ffi/quick_files.ts";
import type { ListedRecord } from "./listed_record.ts";

const NEW_LINE = 10;
const WORD = 0x100000000;

/** What a command before has learned. */
export class RestingContainers {
  readonly #marks: Uint32Array;
  readonly #byInode = new Map<number, number>();
  readonly #text: Uint8Array;
  #records: readonly ListedRecord[] | undefined;

  constructor(dataRoot: string) {
    const { marks, text } = readResting(`${dataRoot}/resting`);
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

  /** What lists show of a container that was found; undefined when it is not readable. */
  record(found: number): ListedRecord | undefined {
    this.#records ??= parseRecords(this.#text);
    return this.#records[found / MARK.words];
  }
}

function inode(words: Uint32Array, at: number): number {
  return (words[at + MARK.inode] ?? 0) + (words[at + MARK.inode + 1] ?? 0) * WORD;
}

/** Nothing where there is nothing, or nothing that can be read. */
function readResting(path: string): { marks: Uint32Array; text: Uint8Array } {
  try {
    const bytes = readBytes(path);
    const end = bytes.indexOf(NEW_LINE);
    const line = new TextDecoder().decode(bytes.subarray(0, end));
    const marks = new Uint32Array(Uint8Array.fromBase64(line).buffer);
    if (marks.length % MARK.words === 0) return { marks, text: bytes.subarray(end + 1) };
  } catch {
    // It is made anew.
  }
  return { marks: new Uint32Array(0), text: new Uint8Array(0) };
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

/** A record and its mark. */
export interface MarkedRecord {
  /** Of {@link MARK}.words words. */
  mark: Uint32Array;
  record: ListedRecord;
}

/** Keeps for the next command what was learned. Not being able to is no error. */
export function writeResting(dataRoot: string, known: readonly MarkedRecord[]): void {
  const marks = new Uint32Array(known.length * MARK.words);
  known.forEach(({ mark }, i) => marks.set(mark, i * MARK.words));
  const records = known.map(({ record }) => record);
  const text = `${new Uint8Array(marks.buffer).toBase64()}\n${JSON.stringify(records)}`;
  const temporary = `${dataRoot}/tmp/resting.${process.pid}`;
  try {
    writeText(temporary, text, 0o600);
    rename(temporary, `${dataRoot}/resting`);
  } catch {
    // A store that is full, or not ours to write: it is read again the next time.
  }
}
