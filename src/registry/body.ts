/** Reads the bodies of answers: never more than asked for, never waiting for ever. */
import { TsboxError } from "../errors.ts";
import { cancelled, TransientError } from "./retry.ts";
import { type HttpAnswer, requestError } from "./transport.ts";

/**
 * The chunks of a body as they come; nothing is read ahead of the consumer but what sockets hold.
 * @param stall milliseconds of waiting for a byte before the connection counts as dead
 * @throws TransientError when the connection breaks or stalls
 */
export async function* bodyChunks(answer: HttpAnswer, stall: number): AsyncGenerator<Uint8Array> {
  const reader = answer.response.body?.getReader();
  if (reader === undefined) return;
  const watch = new StallWatch(answer, stall);
  let ended = false;
  try {
    for (;;) {
      const { value, done } = await watch.during(() => reader.read());
      ended = done;
      if (done) return;
      yield value;
    }
  } finally {
    watch.stop();
    // A connection whose answer was read to its end serves the next request.
    if (!ended) answer.abort();
  }
}

/** Aborts a request that was waited for too long; one timer, however many chunks come. */
class StallWatch {
  readonly #answer: HttpAnswer;
  readonly #timer: ReturnType<typeof setInterval>;
  #waitingSince: number | undefined;
  #stalled = false;

  constructor(answer: HttpAnswer, stall: number) {
    this.#answer = answer;
    this.#timer = setInterval(() => {
      if (this.#waitingSince === undefined || performance.now() - this.#waitingSince < stall) {
        return;
      }
      this.#stalled = true;
      answer.abort();
    }, Math.max(stall / 10, 1));
  }

  stop(): void {
    clearInterval(this.#timer);
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
        new TsboxError("unavailable", `Cannot read from ${url.host}: it stopped sending`),
      );
    } finally {
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
  for await (const chunk of bodyChunks(answer, stall)) {
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
