/** When to try again, and when to give up. */
import { TsboxError } from "../errors.ts";

/** Milliseconds and counts; tests make them short. */
export interface Timing {
  /** From sending a request to its answer's head. */
  response: number;
  /** Without a byte of a body we are waiting for. */
  stall: number;
  /** From the last byte of an upload to its answer: the registry checks and stores all of it then. */
  finish: number;
  /** Before the second attempt; doubles with each. */
  firstDelay: number;
  maxDelay: number;
  /** The most that a server's Retry-After is obeyed. */
  maxRetryAfter: number;
  /** Tries without progress. */
  attempts: number;
  /** Tries of one blob, progress or not: a server must not keep us busy for ever. */
  totalAttempts: number;
}

export const DEFAULT_TIMING: Timing = {
  response: 60_000,
  stall: 30_000,
  finish: 300_000,
  firstDelay: 500,
  maxDelay: 15_000,
  maxRetryAfter: 60_000,
  attempts: 6,
  totalAttempts: 60,
};

/** Told before each wait. */
export interface RetryNotice {
  /** What went wrong, for a progress line. */
  reason: string;
  /** Milliseconds until the next try. */
  delay: number;
}

export type OnRetry = (notice: RetryNotice) => void;

/** Something that may pass: worth another try. */
export class TransientError extends Error {
  /** What the user is told when no further try is made. */
  readonly final: TsboxError;
  /** Milliseconds the server asked us to wait. */
  readonly retryAfter: number | undefined;
  /** Nobody answered at all: only worth it when somebody did a moment ago. */
  readonly unreachable: boolean;

  constructor(final: TsboxError, details: { retryAfter?: number; unreachable?: boolean } = {}) {
    super(final.message, { cause: final });
    this.final = final;
    this.retryAfter = details.retryAfter;
    this.unreachable = details.unreachable ?? false;
  }
}

/** Counts the tries of one piece of work. */
export class RetryBudget {
  readonly #timing: Timing;
  readonly #signal: AbortSignal | undefined;
  readonly #onRetry: OnRetry | undefined;
  #sinceProgress = 0;
  #total = 0;
  #answered = false;

  constructor(timing: Timing, signal?: AbortSignal, onRetry?: OnRetry) {
    this.#timing = timing;
    this.#signal = signal;
    this.#onRetry = onRetry;
  }

  /** Bytes came: the tries before count no more, and silence from now on is a passing one. */
  progress(): void {
    this.#sinceProgress = 0;
    this.#answered = true;
  }

  /** Waits for the next try, or throws what the user should see. */
  async spend(error: unknown): Promise<void> {
    if (!(error instanceof TransientError)) throw error;
    this.#sinceProgress++;
    this.#total++;
    const hopeless = error.unreachable && !this.#answered;
    const { attempts, totalAttempts } = this.#timing;
    if (hopeless || this.#sinceProgress >= attempts || this.#total >= totalAttempts) {
      throw error.final;
    }
    const delay = this.#delay(error.retryAfter);
    this.#onRetry?.({ reason: error.message, delay });
    await sleep(delay, this.#signal);
  }

  #delay(retryAfter: number | undefined): number {
    const { firstDelay, maxDelay, maxRetryAfter } = this.#timing;
    if (retryAfter !== undefined) return Math.min(retryAfter, maxRetryAfter);
    const backOff = Math.min(firstDelay * 2 ** (this.#sinceProgress - 1), maxDelay);
    // Many clients cut off at once must not come back at once.
    return backOff * (0.75 + Math.random() / 2);
  }
}

/** Repeats `attempt` while it throws {@link TransientError} and there is budget. */
export async function withRetries<T>(budget: RetryBudget, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await budget.spend(error);
    }
  }
}

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3): seconds or a date. */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}

/** Throws TsboxError("cancelled") when the user has interrupted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal);
}

export function cancelled(signal: AbortSignal): TsboxError {
  const { reason } = signal;
  return reason instanceof TsboxError
    ? reason
    : new TsboxError("cancelled", "Interrupted", { cause: reason });
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  throwIfCancelled(signal);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      if (signal) reject(cancelled(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
