/** Prints pieces of a log: those that are asked for, as they are asked for. */
import { LineAssembler, type LogLine } from "../../storage/log/lines.ts";
import type { LogPiece } from "../../storage/log/piece.ts";
import { nanoTime } from "../../storage/log/time.ts";
import { deliver, type Sink } from "../deliver.ts";
import { userSink } from "../user_sink.ts";

/** What the printer obeys; times are nanoseconds since 1970. */
export interface PrinterOptions {
  timestamps: boolean;
  details: boolean;
  since?: bigint | undefined;
  until?: bigint | undefined;
}

type Stream = LogPiece["stream"];

export class LogPrinter {
  readonly #options: PrinterOptions;
  readonly #lines = new LineAssembler();
  readonly #sinks: Record<Stream, Sink> = { stdout: userSink(1), stderr: userSink(2) };
  readonly #encoder = new TextEncoder();
  /** Each piece is a message; lines need not be put together. */
  readonly #whole: boolean;
  /** Lines that are left out at the beginning. */
  #skip: number;
  #batch: { stream: Stream; bytes: Uint8Array }[] = [];
  /** Something newer than what is wanted was seen. */
  #isPast = false;
  isOpen = true;

  constructor(options: PrinterOptions, skip: number, whole: boolean) {
    this.#options = options;
    this.#skip = skip;
    this.#whole = whole;
  }

  /** False when there is no use in going on: all was printed, or nobody reads it. */
  async print(pieces: readonly LogPiece[]): Promise<boolean> {
    for (const piece of pieces) this.#take(piece);
    await this.#flush();
    return this.isOpen && !this.#isPast;
  }

  /** The log has ended. False when nobody reads it. */
  async end(): Promise<boolean> {
    this.#lines.flush((line) => this.#line(line));
    await this.#flush();
    return this.isOpen;
  }

  /** Bytes pass as they are where no line has to be looked at. */
  #take(piece: LogPiece): void {
    if (this.#whole) return this.#line({ ...piece, begins: true });
    if (!this.#looksAtLines()) return void this.#batch.push(piece);
    this.#lines.push(piece, (line) => this.#line(line));
    // Nothing is left out any more: what has no end yet can be shown.
    if (!this.#looksAtLines()) this.#lines.flush((line) => this.#line(line));
  }

  #looksAtLines(): boolean {
    const { timestamps, details, since, until } = this.#options;
    return timestamps || details || since !== undefined || until !== undefined || this.#skip > 0;
  }

  #line({ stream, time, bytes, begins, attributes }: LogLine): void {
    const { timestamps, details, since, until } = this.#options;
    if (this.#skip > 0) return void this.#skip--;
    if (since !== undefined && time < since) return;
    if (until !== undefined && time > until) this.#isPast = true;
    if (this.#isPast) return;
    const shown = timestamps ? `${nanoTime(time, "fixed")} ` : "";
    const head = details ? `${shown}${detailsText(attributes)} ` : shown;
    if (begins && head !== "") this.#batch.push({ stream, bytes: this.#encoder.encode(head) });
    this.#batch.push({ stream, bytes });
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    for (let at = 0; at < batch.length && this.isOpen;) {
      const stream = batch[at]?.stream ?? "stdout";
      const end = batch.findIndex((part, i) => i > at && part.stream !== stream);
      const same = batch.slice(at, end < 0 ? batch.length : end);
      const bytes = same.length === 1 ? same[0]?.bytes : undefined;
      const whole = bytes ?? Buffer.concat(same.map((part) => part.bytes));
      if (await deliver(this.#sinks[stream], whole) !== 0) this.isOpen = false;
      at += same.length;
    }
  }
}

/** As docker: keys and values as in a query of a URL, by the order of the alphabet. */
function detailsText(attributes: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(attributes).sort(([a], [b]) => a < b ? -1 : 1);
  return pairs.map(([key, value]) => `${quoted(key)}=${quoted(value)}`).join(",");
}

function quoted(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}
