/**
 * The format of the log driver `local`: what was read at once is one entry, so that a container that writes
 * much costs one copy and one write(2).
 *
 * Header: magic, stream (1 stdout, 2 stderr), flags (1: goes on with a line), zero; the length in four bytes;
 * nanoseconds since 1970 in eight. Then the bytes, then the length again, to read backwards by. Little endian.
 */
import { readAt } from "../../ffi/file_content.ts";
import { TsboxError } from "../../errors.ts";
import type { LogFormat, LogPiece, TailSearch, TailStart } from "./piece.ts";

const MAGIC = 0xb5;
const HEADER = 16;
const TRAILER = 4;
/** Bytes around those of a piece. */
export const OVERHEAD = HEADER + TRAILER;
/** Bytes of a piece at most. */
export const MAX_PIECE = 1 << 20;
const CONTINUES = 1;
const NEWLINE = 10;
/** Bytes that are looked through for the beginning of a line whose end is wanted. */
const LOOK_BACK = 1 << 20;

type Stream = LogPiece["stream"];

/** Makes entries; what it returns is valid until the next one. Never more than one: for who handles both formats. */
export class LocalEncoder {
  #buffer = new Uint8Array(1 << 16);
  #view = new DataView(this.#buffer.buffer);
  readonly #continues = { stdout: false, stderr: false };

  /** @param bytes at most MAX_PIECE @param time nanoseconds since 1970 */
  encode(stream: Stream, bytes: Uint8Array, time: bigint): [Uint8Array] {
    const { length } = bytes;
    const total = length + OVERHEAD;
    if (total > this.#buffer.length) {
      this.#buffer = new Uint8Array(total);
      this.#view = new DataView(this.#buffer.buffer);
    }
    const view = this.#view;
    view.setUint8(0, MAGIC);
    view.setUint8(1, stream === "stdout" ? 1 : 2);
    view.setUint16(2, this.#continues[stream] ? CONTINUES : 0, true);
    view.setUint32(4, length, true);
    view.setBigUint64(8, time, true);
    this.#buffer.set(bytes, HEADER);
    view.setUint32(HEADER + length, length, true);
    this.#continues[stream] = bytes[length - 1] !== NEWLINE;
    return [this.#buffer.subarray(0, total)];
  }
}

interface Header {
  stream: Stream;
  continues: boolean;
  length: number;
}

/** The header at `at`; undefined when it is none. */
function headerAt(view: DataView, at: number): Header | undefined {
  const stream = view.getUint8(at + 1);
  const length = view.getUint32(at + 4, true);
  const isOurs = view.getUint8(at) === MAGIC && (stream === 1 || stream === 2);
  if (!isOurs || length > MAX_PIECE) return undefined;
  const continues = view.getUint8(at + 2) === CONTINUES;
  return { stream: stream === 1 ? "stdout" : "stderr", continues, length };
}

function decode(bytes: Uint8Array, take: (piece: LogPiece) => void): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (bytes.length - at >= OVERHEAD) {
    const header = headerAt(view, at);
    if (header === undefined) return before(at);
    const { stream, length } = header;
    const end = at + HEADER + length;
    if (end + TRAILER > bytes.length) break;
    if (view.getUint32(end, true) !== length) return before(at);
    take({
      stream,
      time: view.getBigUint64(at + 8, true),
      bytes: bytes.subarray(at + HEADER, end),
    });
    at = end + TRAILER;
  }
  return at;
}

/** What is in front of the damage is good. */
function before(damage: number): number {
  if (damage > 0) return damage;
  throw new TsboxError("corrupt", "Cannot read the log: it is damaged", {
    hint: "what was written after the damage is lost up to the next file of the log",
  });
}

/** Reads headers and lengths at positions. */
class Places {
  readonly #fd: number;
  readonly #bytes = new Uint8Array(4096);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(fd: number) {
    this.#fd = fd;
  }

  header(position: number): Header | undefined {
    if (readAt(this.#fd, this.#bytes.subarray(0, HEADER), position) < HEADER) return undefined;
    return headerAt(this.#view, 0);
  }

  /** Where the entry begins that ends at `end`. */
  before(end: number): number | undefined {
    if (end < OVERHEAD) return undefined;
    if (readAt(this.#fd, this.#bytes.subarray(0, TRAILER), end - TRAILER) < TRAILER) {
      return undefined;
    }
    const length = this.#view.getUint32(0, true);
    const start = end - OVERHEAD - length;
    return start >= 0 && this.header(start)?.length === length ? start : undefined;
  }
}

function validEnd(fd: number, size: number): number {
  const places = new Places(fd);
  if (size === 0 || places.before(size) !== undefined) return size;
  for (let at = 0;;) {
    const header = places.header(at);
    const end = header === undefined ? size + 1 : at + header.length + OVERHEAD;
    if (end > size || places.before(end) !== at) return at;
    at = end;
  }
}

/** Counts the ends of lines: newlines, and the last byte of a stream that wrote none at its end. */
class LocalTail implements TailSearch {
  readonly #wanted: number;
  lines = 0;
  /** Bytes looked through since there are enough lines. */
  #spent = 0;
  /** Whether the earliest piece of a stream goes on with a line; without one, no piece was seen. */
  readonly #continues = new Map<Stream, boolean>();
  /** Of the file that is counted: whether the last piece of a stream ends a line. */
  readonly #last = new Map<Stream, boolean>();

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  search(fd: number, size: number): TailStart | undefined {
    const places = new Places(fd);
    const buffer = new Uint8Array(MAX_PIECE);
    for (let end = validEnd(fd, size); end > 0;) {
      if (this.#isEnough()) return { offset: end, lines: this.lines };
      const start = places.before(end);
      const header = start === undefined ? undefined : places.header(start);
      // A torn entry in the middle: what is before it cannot be told apart.
      if (start === undefined || header === undefined) return { offset: end, lines: this.lines };
      const content = buffer.subarray(0, header.length);
      readAt(fd, content, start + HEADER);
      this.#add(header, content);
      end = start;
    }
    return this.#isEnough() ? { offset: 0, lines: this.lines } : undefined;
  }

  #isEnough(): boolean {
    if (this.lines <= this.#wanted) return false;
    return ![...this.#continues.values()].includes(true) || this.#spent > LOOK_BACK;
  }

  #add({ stream, continues, length }: Header, content: Uint8Array): void {
    if (this.lines > this.#wanted) this.#spent += length;
    const isLast = !this.#continues.has(stream);
    this.lines += newlines(content);
    if (isLast && content[length - 1] !== NEWLINE) this.lines++;
    this.#continues.set(stream, continues);
  }

  count({ stream, bytes }: LogPiece): void {
    this.lines += newlines(bytes);
    this.#last.set(stream, bytes[bytes.length - 1] === NEWLINE);
  }

  counted(): TailStart | undefined {
    for (const [stream, isEnd] of this.#last) {
      if (!isEnd && !this.#continues.has(stream)) this.lines++;
      this.#continues.set(stream, false);
    }
    this.#last.clear();
    return this.lines > this.#wanted ? { offset: 0, lines: this.lines } : undefined;
  }
}

function newlines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

export const localFormat: LogFormat = {
  extension: ".log",
  maxEntry: MAX_PIECE + OVERHEAD,
  wholeMessages: false,
  decode,
  validEnd,
  tail: (wanted) => new LocalTail(wanted),
};
