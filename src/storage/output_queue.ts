/**
 * What another thread made, waiting to be used by this one.
 *
 * It is used in slices, and between two slices the event loop is asked whether the other thread wants to be
 * told something: so both work all the time, each on its own core, and a small piece costs no round trip.
 */

/** Bytes used between two turns of the event loop. */
const SLICE = 64 * 1024;

/** Bytes from which on no more are wanted. */
const FULL = 4 * 1024 * 1024;

export interface QueueSource {
  pause(): void;
  resume(): void;
}

export class OutputQueue {
  readonly #output: (bytes: Uint8Array) => void;
  readonly #source: QueueSource;
  #pieces: Uint8Array[] = [];
  /** Bytes of the first piece that were used. */
  #used = 0;
  #size = 0;
  #paused = false;
  #onEmpty: (() => void) | undefined;
  /** What `output` threw; nothing is put out after it. */
  failure: unknown;

  /**
   * @param source is told to pause while the queue is full
   * @param output gets the bytes in order, in pieces of any size
   */
  constructor(source: QueueSource, output: (bytes: Uint8Array) => void) {
    this.#source = source;
    this.#output = output;
  }

  /** Takes bytes that nobody will change. */
  push(bytes: Uint8Array): void {
    if (this.failure !== undefined || bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    if (this.#pieces.length === 1) setImmediate(() => this.#turn());
    if (this.#size < FULL || this.#paused) return;
    this.#paused = true;
    this.#source.pause();
  }

  /** Resolves when everything was put out, or the output failed. */
  async empty(): Promise<void> {
    if (this.#pieces.length > 0) await new Promise<void>((resolve) => this.#onEmpty = resolve);
  }

  /** Drops what is queued and everything that still comes. */
  fail(error: unknown): void {
    this.failure ??= error;
    this.#pieces = [];
    this.#onEmpty?.();
  }

  #turn(): void {
    const [piece] = this.#pieces;
    if (piece === undefined) return;
    const slice = piece.subarray(this.#used, this.#used + SLICE);
    try {
      this.#output(slice);
    } catch (error) {
      this.fail(error);
    }
    this.#used += slice.length;
    this.#size -= slice.length;
    if (this.#used === piece.length) this.#next();
    if (this.#pieces.length > 0) setImmediate(() => this.#turn());
    else this.#onEmpty?.();
    if (!this.#paused || this.#size >= FULL / 2) return;
    this.#paused = false;
    this.#source.resume();
  }

  #next(): void {
    this.#pieces.shift();
    this.#used = 0;
  }
}
