/**
 * The programs of earlier launches. Most containers are set up like one before, but for their id, and to write a
 * program anew takes longer than to find it.
 *
 * A program is kept with the question that it is the answer to: all that it was made from, word for word. Who asks
 * the same gets it. It is a cache: whatever goes wrong with it, the program is written anew.
 */
import { O } from "../../ffi/constants.ts";
import type { OpName, ProgramPart } from "../../ffi/program.ts";
import {
  closeFile,
  ensureDirectory,
  openIfThere,
  putFile,
  readOpenFile,
} from "../../ffi/quick_files.ts";
import type { UserFileCopies } from "./setup_program.ts";

/** Where and for whom programs are kept. */
export interface Keeping {
  /** Folder of ours alone, which a reboot forgets; made when missing. */
  directory: string;
  /** What tells this executable, and this boot of the machine, from others: what they have written is not used. */
  mark: string;
  /** Of the container: 64 hexadecimal digits. */
  id: string;
  /** A number that tells what is being started, so that different things are kept side by side. */
  about: number;
}

/** The parts of a launch that were kept. */
export interface KeptLaunch {
  /** In the order in which they are appended. */
  parts: readonly ProgramPart[];
  /** Where the first two put the image's user files. */
  files: UserFileCopies;
}

interface Notes {
  /** Bytes of data and of ops, part after part. */
  lengths: number[];
  /** Where an id stands, and how many digits of it, by turns. */
  ids: number[];
  files: UserFileCopies;
}

/** There are so many places; a new program takes that of an old one. */
const PLACES = 64;
/** Bytes, of what is kept in one. */
const MOST = 128 << 10;
/** Digits of an id that stand for all of it. */
const SHORT = 12;
const NEWLINE = 10;

/** The question: what a launch is made from, with signs that are in no JSON in place of the id. */
export function questionOf({ id, mark }: Keeping, madeFrom: unknown): string {
  return withoutId(JSON.stringify([mark, madeFrom]), id);
}

function withoutId(json: string, id: string): string {
  return json.replaceAll(id, "\0").replaceAll(id.slice(0, SHORT), "\x01");
}

const placeOf = ({ about }: Keeping, question: string) => `${(about + question.length) % PLACES}`;

/** The answer to a question that was asked before, with this container's id in it. */
export function findKept(keeping: Keeping, question: string): KeptLaunch | undefined {
  try {
    return readKept(keeping, question);
  } catch {
    return undefined;
  }
}

function readKept(keeping: Keeping, question: string): KeptLaunch | undefined {
  const path = `${keeping.directory}/${placeOf(keeping, question)}`;
  const fd = openIfThere(path, O.RDONLY);
  if (fd === undefined) return undefined;
  const bytes = readWhole(fd, path);
  const decoder = new TextDecoder();
  const end = bytes.indexOf(NEWLINE);
  if (end < 0 || decoder.decode(bytes.subarray(0, end)) !== question) return undefined;
  const sum = bytes.indexOf(NEWLINE, end + 1);
  if (decoder.decode(bytes.subarray(end + 1, sum)) !== sumOf(bytes.subarray(sum + 1))) {
    return undefined;
  }
  const first = bytes.indexOf(NEWLINE, sum + 1);
  let at = bytes.indexOf(NEWLINE, first + 1) + 1;
  const { lengths, ids, files } = JSON.parse(decoder.decode(bytes.subarray(sum, first))) as Notes;
  const names = namesOf(bytes.subarray(first, at), keeping.id);
  const id = new TextEncoder().encode(keeping.id);
  for (let i = 0; i < ids.length; i += 2) {
    bytes.set(id.subarray(0, ids[i + 1]), at + (ids[i] ?? 0));
  }
  const parts: ProgramPart[] = [];
  for (let i = 0; i < lengths.length; i += 2) {
    const ops = at + (lengths[i] ?? 0);
    const next = ops + (lengths[i + 1] ?? 0);
    const part = parts.length;
    const data = bytes.subarray(at, ops);
    parts.push({ data, ops: bytes.subarray(ops, next), names: () => names()[part] ?? [] });
    at = next;
  }
  return { parts, files };
}

function readWhole(fd: number, path: string): Uint8Array {
  try {
    return readOpenFile(fd, path, MOST);
  } finally {
    closeFile(fd);
  }
}

/** Of what is behind it in the file. A sum that takes no table, which would be made for this one use. */
const sumOf = (bytes: Uint8Array): string => `${Bun.hash.xxHash32(bytes)} ${bytes.length}`;

/** Of each part. Nobody asks for them unless a step fails. */
function namesOf(line: Uint8Array, id: string): () => OpName[][] {
  return () => {
    const text = new TextDecoder().decode(line);
    return JSON.parse(text.replaceAll("\0", id).replaceAll("\x01", id.slice(0, SHORT)));
  };
}

/** Keeps the answer to a question. What cannot be kept is not. */
export function keepLaunch(
  keeping: Keeping,
  question: string,
  { parts, files }: KeptLaunch,
): void {
  const pieces = parts.flatMap(({ data, ops }) => [data, ops]);
  const body = Buffer.concat(pieces);
  const notes: Notes = {
    lengths: pieces.map(({ length }) => length),
    ids: idsIn(body.toString("latin1"), keeping.id),
    files,
  };
  const names = withoutId(JSON.stringify(parts.map((part) => part.names())), keeping.id);
  const answer = Buffer.concat([Buffer.from(`${JSON.stringify(notes)}\n${names}\n`), body]);
  const bytes = Buffer.concat([Buffer.from(`${question}\n${sumOf(answer)}\n`), answer]);
  if (bytes.length >= MOST) return;
  try {
    ensureDirectory(keeping.directory, 0o700);
    putFile(keeping.directory, placeOf(keeping, question), bytes);
  } catch {
    // It is written anew the next time, too.
  }
}

function idsIn(body: string, id: string): number[] {
  const found: number[] = [];
  const short = id.slice(0, SHORT);
  for (let at = body.indexOf(short); at >= 0; at = body.indexOf(short, at + 1)) {
    found.push(at, body.startsWith(id, at) ? id.length : SHORT);
  }
  return found;
}
