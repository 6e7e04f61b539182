/** Docker's format of the log driver `json-file`: an object a line, one for each line of the container. */
import { readAt } from "../../ffi/file_content.ts";
import type { LogFormat, LogPiece, TailSearch, TailStart } from "./piece.ts";
import { nanoTime, readNanoTime } from "./time.ts";

type Stream = LogPiece["stream"];

const NEWLINE = 10;
/** Bytes of a message: longer lines are several, as docker cuts them. */
const MAX_MESSAGE = 16384;
/** Bytes of a line of the file; escaped, with attributes. */
const MAX_ENTRY = 1 << 20;
const BLOCK = 1 << 16;

/** Put behind each newline to find it again: a sign that texts do not have, and JSON writes as no other. */
const MARK = "\u0001";
const ESCAPED_MARK = "\\n\\u0001";

/** Makes lines of the file; the end of a line of the container is waited for. */
export class JsonEncoder {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #encoder = new TextEncoder();
  readonly #rest = { stdout: new Uint8Array(0), stderr: new Uint8Array(0) };
  readonly #most: number;
  #attributes = "";

  /** Of all lines from now on. */
  set attributes(attributes: Readonly<Record<string, string>>) {
    const isEmpty = Object.keys(attributes).length === 0;
    this.#attributes = isEmpty ? "" : `,"attrs":${escaped(attributes)}`;
  }

  /** @param most bytes after which another entry begins */
  constructor(most: number) {
    this.#most = most;
  }

  /** Lines, put together to entries of the wanted size. @param time nanoseconds since 1970 */
  encode(stream: Stream, bytes: Uint8Array, time: bigint): Uint8Array[] {
    const all = this.#withRest(stream, bytes);
    const tail = this.#tail(stream, time);
    const atOnce = this.#shortLines(all, tail);
    if (atOnce !== undefined) {
      this.#rest[stream] = all.slice(all.lastIndexOf(NEWLINE) + 1);
      return [this.#encoder.encode(atOnce)];
    }
    const entries: Uint8Array[] = [];
    let text = "";
    let at = 0;
    for (let end = messageEnd(all, 0); end !== undefined; end = messageEnd(all, at)) {
      const line = this.#line(all.subarray(at, end), tail);
      at = end;
      if (text !== "" && text.length + line.length > this.#most) {
        entries.push(this.#encoder.encode(text));
        text = "";
      }
      text += line;
    }
    this.#rest[stream] = all.slice(at);
    if (text !== "") entries.push(this.#encoder.encode(text));
    return entries;
  }

  /**
   * All lines as one text, when they have the usual length: by a few calls that do not depend on how many there
   * are, since each call of ours takes longer than a line of text. Undefined when they must be looked at one by one.
   */
  #shortLines(bytes: Uint8Array, tail: string): string | undefined {
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end === 0 || !areShort(bytes)) return undefined;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, end - 1).toString();
    if (text.includes(MARK)) return undefined;
    // Where the text has a backslash, JSON's for a newline could be one of the text and an "n".
    const mark = text.includes("\\") ? MARK : "";
    const marked = mark === "" ? text : text.split("\n").join(`\n${mark}`);
    const between = mark === "" ? "\\n" : ESCAPED_MARK;
    // Not replaced: an attribute may have what replaceAll takes for a pattern.
    const lines = escaped(marked).slice(1, -1).split(between).join(`\\n"${tail}{"log":"`);
    const all = `{"log":"${lines}\\n"${tail}`;
    return all.length > this.#most ? undefined : all;
  }

  /** What is left of lines that will not be ended. */
  end(time: bigint): Uint8Array {
    let text = "";
    for (const stream of ["stdout", "stderr"] as const) {
      const rest = this.#rest[stream];
      if (rest.length > 0) text += this.#line(rest, this.#tail(stream, time));
      this.#rest[stream] = new Uint8Array(0);
    }
    return this.#encoder.encode(text);
  }

  #withRest(stream: Stream, bytes: Uint8Array): Uint8Array {
    const rest = this.#rest[stream];
    if (rest.length === 0) return bytes;
    const all = new Uint8Array(rest.length + bytes.length);
    all.set(rest);
    all.set(bytes, rest.length);
    return all;
  }

  #tail(stream: Stream, time: bigint): string {
    return `,"stream":"${stream}"${this.#attributes},"time":"${nanoTime(time, "short")}"}\n`;
  }

  #line(message: Uint8Array, tail: string): string {
    return `{"log":${escaped(this.#decoder.decode(message))}${tail}`;
  }
}

/** As Go writes JSON. */
function escaped(value: unknown): string {
  const text = JSON.stringify(value);
  // A look is faster than replacing nothing.
  return !/[<>&\u2028\u2029]/.test(text) ? text : text.replaceAll(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Whether no line, and neither what is left of the last one, is as long as a message may be. */
function areShort(bytes: Uint8Array): boolean {
  for (let at = 0; bytes.length - at >= MAX_MESSAGE;) {
    const last = bytes.lastIndexOf(NEWLINE, at + MAX_MESSAGE - 1);
    if (last < at) return false;
    at = last + 1;
  }
  return true;
}

/** Where the message that begins at `at` ends; undefined when more of it may come. */
function messageEnd(bytes: Uint8Array, at: number): number | undefined {
  const newline = bytes.indexOf(NEWLINE, at);
  if (newline >= 0 && newline - at < MAX_MESSAGE) return newline + 1;
  if (bytes.length - at < MAX_MESSAGE) return undefined;
  let end = at + MAX_MESSAGE;
  // Not within a character of UTF-8, which has four bytes at most.
  for (let back = 0; back < 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80; back++) end--;
  return end;
}

function decode(bytes: Uint8Array, take: (piece: LogPiece) => void): number {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const encoder = new TextEncoder();
  let at = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, at)) {
    const piece = pieceOf(decoder.decode(bytes.subarray(at, end)), encoder);
    if (piece !== undefined) take(piece);
    at = end + 1;
  }
  return at;
}

/** Undefined for a line that is none of ours: others may write into files that they can read. */
function pieceOf(line: string, encoder: TextEncoder): LogPiece | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("log" in value)) return undefined;
  const stream = "stream" in value && value.stream === "stderr" ? "stderr" : "stdout";
  const time = "time" in value ? readNanoTime(String(value.time)) : undefined;
  const piece = { stream, time: time ?? 0n, bytes: encoder.encode(String(value.log)) } as const;
  const attributes = "attrs" in value ? textFields(value.attrs) : undefined;
  return attributes === undefined ? piece : { ...piece, attributes };
}

function textFields(value: unknown): Record<string, string> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}

/** Where the last `count` lines of a file begin; undefined when it has fewer. `found` is told how many it has. */
function lastLines(
  fd: number,
  size: number,
  count: number,
  found: (lines: number) => void,
): number | undefined {
  const block = new Uint8Array(BLOCK);
  let lines = 0;
  for (let end = size; end > 0; end -= BLOCK) {
    const start = Math.max(0, end - BLOCK);
    const bytes = block.subarray(0, end - start);
    readAt(fd, bytes, start);
    for (let at = bytes.lastIndexOf(NEWLINE); at >= 0;) {
      if (lines === count) return start + at + 1;
      lines++;
      at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1);
    }
  }
  found(lines);
  return undefined;
}

class JsonTail implements TailSearch {
  readonly #wanted: number;
  lines = 0;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  search(fd: number, size: number): TailStart | undefined {
    const missing = this.#wanted - this.lines;
    const offset = lastLines(fd, size, missing, (lines) => this.lines += lines);
    return offset === undefined ? undefined : { offset, lines: this.#wanted };
  }

  count(): void {
    this.lines++;
  }

  counted(): TailStart | undefined {
    return this.lines >= this.#wanted ? { offset: 0, lines: this.lines } : undefined;
  }
}

export const jsonFormat: LogFormat = {
  extension: ".json",
  maxEntry: MAX_ENTRY,
  wholeMessages: true,
  decode,
  // The newline that ends the last complete line; none of the file's own is within an object.
  validEnd: (fd, size) => lastLines(fd, size, 0, () => {}) ?? 0,
  tail: (wanted) => new JsonTail(wanted),
};
