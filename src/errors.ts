/**
 * The closed list of ways tsbox can fail. The cli maps a code to an exit status, the API to an HTTP
 * status; nobody else interprets one.
 */
export type ErrorCode =
  | "invalid-argument" // the caller's input is wrong
  | "not-found" // the named image, container, file or manifest does not exist
  | "conflict" // a name is taken, two flags exclude each other
  | "in-use" // the object is used by another one
  | "invalid-state" // the object exists but is in the wrong state
  | "unauthorized" // credentials missing or refused
  | "unsupported" // known, but not something tsbox does
  | "unavailable" // a registry or helper program cannot be reached or misbehaves
  | "corrupt" // a digest, size or format is not what it must be
  | "limit-exceeded" // an input is larger than the configured bound
  | "host" // the host does not allow or lacks something rootless containers need
  | "kernel" // a system call failed
  | "no-space" // the disk is full
  | "cancelled" // the user interrupted
  | "cannot-execute" // the container's command exists but cannot be executed (126)
  | "command-not-found"; // the container's command does not exist (127)

/** Options of a {@link TsboxError}. */
export interface ErrorDetails {
  /** The lower-level error that led here. */
  cause?: unknown;
  /** What the user can do about it, as a sentence fragment printed after `;`. */
  hint?: string;
  /** Where in a longer operation it happened, e.g. `child, after user namespace`. */
  stage?: string;
}

/**
 * An error meant for the user: one line that says what failed, on what, and what to do.
 *
 * `message` starts with the action ("Cannot pull ..."), has no final period; main.ts prints it once.
 */
export class TsboxError extends Error {
  override readonly name = "TsboxError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly stage: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.stage = details.stage;
  }
}

/** The text of anything thrown, for use inside another message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
