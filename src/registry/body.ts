/** Reads the bodies of answers: never more than asked for, never waiting for ever. */
import { TsboxError } from "../errors.ts";
import { cancelled, TransientError } from "./retry.ts";
import { type HttpAnswer, requestError } from "./transport.ts";

/** Bytes a second; whoever sends fewer does not want to be finished with. */
const MIN_RATE = 1024;
/** How many times the stall time a document may take that is read as a whole. */
const DOCUMENT_STALLS = 10;

/**
 * The chunks of a body as they come; nothing is read ahead of the consumer but what sockets hold.
 * @param stall milliseconds of waiting in which at least {@link MIN_RATE} has to come
 * @param deadline milliseconds of waiting for all of it
 * @throws TransientError when the connection breaks, stalls or drips
 */
export async function* bodyChunks(
  answer: HttpAnswer,
  stall: number,
  deadline = Infinity,
): AsyncGenerator<Uint8Array> {
  const reader = answer.response.body?.getReader();
  if (reader === undefined) return;
  const watch = new StallWatch(answer, stall, deadline);
  let ended = false;
  try {
    for (;;) {
      const { value, done } = await watch.during(() => reader.read());
      ended = done;
      if (done) return;
      watch.received(value.length);
      yield value;
    }
  } finally {
    watch.stop();
    // A connection whose answer was read to its end serves the next request.
    if (!ended) answer.abort();
  }
}

/**
 * Aborts a request that was waited for too long; one timer, however many chunks come. The time in which the
 * consumer works does not count.
 */
class StallWatch {
  readonly #answer: HttpAnswer;
  readonly #stall: number;
  readonly #deadline: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #waitingSince: number | undefined;
  /** Milliseconds of waits that are over. */
  #waited = 0;
  /** Bytes since, and how long had been waited when, the rate was looked at last. */
  #period = { bytes: 0, start: 0 };
  #stalled = false;

  constructor(answer: HttpAnswer, stall: number, deadline: number) {
    this.#answer = answer;
    this.#stall = stall;
    this.#deadline = deadline;
    this.#timer = setInterval(() => this.#look(), Math.max(stall / 10, 1));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  received(bytes: number): void {
    this.#period.bytes += bytes;
  }

  #look(): void {
    if (this.#waitingSince === undefined) return;
    const silence = performance.now() - this.#waitingSince;
    const waited = this.#waited + silence;
    if (silence >= this.#stall || waited > this.#deadline) return this.#abort();
    if (waited - this.#period.start < this.#stall) return;
    if (this.#period.bytes * 1000 < MIN_RATE * this.#stall) return this.#abort();
    this.#period = { bytes: 0, start: waited };
  }

  #abort(): void {
    this.#stalled = true;
    this.#answer.abort();
  }

  async during<T>(read: () => Promise<T>): Promise<T> {
    this.#waitingSince = performance.now();
    try {
      return await read();
    } catch (error) {
      const { signal, url } = this.#answer;
      if (signal?.aborted) throw cancelled(signal);
      if (!this.#stalled) throw requestError(error, url);
      throw new TransientError(
        new TsboxError(
          "unavailable",
          `Cannot read from ${url.host}: it stopped sending, or nearly so`,
        ),
      );
    } finally {
      this.#waited += performance.now() - (this.#waitingSince ?? 0);
      this.#waitingSince = undefined;
    }
  }
}

/**
 * A whole body in memory.
 * @param limit bytes
 * @throws TsboxError("limit-exceeded") when it is longer
 */
export async function readBody(
  answer: HttpAnswer,
  limit: number,
  stall: number,
  what: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bodyChunks(answer, stall, stall * DOCUMENT_STALLS)) {
    length += chunk.length;
    if (length > limit) {
      throw new TsboxError(
        "limit-exceeded",
        `The ${what} of ${answer.url.host} has more than ${limit} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
