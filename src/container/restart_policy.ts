/** When a container is started again: docker's rules. */
import { TsboxError } from "../errors.ts";

/** `--restart`. */
export interface RestartPolicy {
  name: "no" | "on-failure" | "always" | "unless-stopped";
  /** For on-failure; 0 is without end. */
  maximumRetries: number;
}

/**
 * `no`, `always`, `unless-stopped` or `on-failure[:N]`.
 * @throws TsboxError "invalid-argument" in docker's words
 */
export function parseRestart(text: string): RestartPolicy {
  const [name = "", count, ...more] = text.split(":");
  if (name === "no" || name === "always" || name === "unless-stopped") {
    if (count === undefined) return { name, maximumRetries: 0 };
    throw new TsboxError(
      "invalid-argument",
      "invalid restart policy: maximum retry count can only be used with 'on-failure'",
    );
  }
  if (name !== "on-failure" || more.length > 0) {
    throw new TsboxError("invalid-argument", `invalid restart policy: unknown policy '${name}'`, {
      hint: "use one of 'no', 'always', 'on-failure[:N]', or 'unless-stopped'",
    });
  }
  if (count === undefined || /^\d+$/.test(count)) {
    return { name, maximumRetries: Number(count ?? 0) };
  }
  throw new TsboxError("invalid-argument", "maximum retry count must be an integer");
}

/** A life that has ended. */
export interface EndedLife {
  exitCode: number;
  /** Milliseconds. */
  lasted: number;
  /** Times it was started again before. */
  restarts: number;
  stoppedByUser: boolean;
}

/** Milliseconds of the first pause, of the longest, and of a life after which pauses are short again. */
const PAUSE = { first: 100, longest: 60_000, forgiven: 10_000 } as const;

/** Whether the policy starts the container again. Pure. */
export function startsAgain(policy: RestartPolicy | undefined, life: EndedLife): boolean {
  if (policy === undefined || life.stoppedByUser) return false;
  switch (policy.name) {
    case "no":
      return false;
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return life.exitCode !== 0 &&
        (policy.maximumRetries === 0 || life.restarts < policy.maximumRetries);
  }
}

/** Milliseconds until the next start: doubled each time, from the beginning after a life that was long enough. Pure. */
export function nextPause(previous: number | undefined, lasted: number): number {
  if (previous === undefined || lasted >= PAUSE.forgiven) return PAUSE.first;
  const doubled = previous * 2;
  // Not Math.min: a monitor's start would pay for Math (docs/architecture.md).
  return doubled < PAUSE.longest ? doubled : PAUSE.longest;
}
