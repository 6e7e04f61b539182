/** Putting lines together from pieces of two streams. */
import type { LogPiece } from "./piece.ts";

const NEWLINE = 10;
/** Bytes of a line that are held until its end comes; a longer one is given in parts. */
const MAX_LINE = 1 << 20;

type Stream = LogPiece["stream"];

/** A line, with its newline where it has one, or a part of a very long one. */
export interface LogLine extends LogPiece {
  /** It is the beginning of a line. */
  begins: boolean;
}

/** Gives lines in the order of their ends, at the time when those were written. */
export class LineAssembler {
  readonly #held = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  readonly #size = { stdout: 0, stderr: 0 };
  readonly #inside = { stdout: false, stderr: false };
  readonly #time = { stdout: 0n, stderr: 0n };

  push({ stream, time, bytes, ...rest }: LogPiece, take: (line: LogLine) => void): void {
    this.#time[stream] = time;
    let at = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, at)) {
      take({ ...rest, ...this.#line(stream, bytes.subarray(at, end + 1)), time });
      this.#inside[stream] = false;
      at = end + 1;
    }
    if (at === bytes.length) return;
    // A copy: the piece is valid for a moment.
    this.#held[stream].push(bytes.slice(at));
    this.#size[stream] += bytes.length - at;
    if (this.#size[stream] > MAX_LINE) this.#part(stream, take);
  }

  /** Gives what is left without an end. */
  flush(take: (line: LogLine) => void): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#size[stream] > 0) this.#part(stream, take);
    }
  }

  #part(stream: Stream, take: (line: LogLine) => void): void {
    take({ ...this.#line(stream, new Uint8Array(0)), time: this.#time[stream] });
    this.#inside[stream] = true;
  }

  #line(stream: Stream, end: Uint8Array) {
    const held = this.#held[stream];
    const begins = !this.#inside[stream];
    const bytes = held.length === 0 ? end : Buffer.concat([...held, end]);
    this.#held[stream] = [];
    this.#size[stream] = 0;
    return { stream, bytes, begins };
  }
}
