import { messageOf, TsboxError } from "../errors.ts";
import { printable } from "./format/printable.ts";
import type { Streams } from "./io.ts";
import { UsageError } from "./usage_error.ts";
import { OutputClosed } from "./writer.ts";

/** What a program dies of when it writes to a closed pipe: 128 + SIGPIPE. */
const BROKEN_PIPE = 141;
/** The interrupted command's status: 128 + SIGINT, as a shell sees it. */
const INTERRUPTED = 130;

/** The one line (docker's usage errors: block) that says what went wrong. */
export function errorText(thrown: unknown): string {
  if (thrown instanceof UsageError) return thrown.message + "\n";
  if (!(thrown instanceof TsboxError)) return `tsbox: internal error: ${messageOf(thrown)}\n`;
  const stage = thrown.stage === undefined ? "" : ` (stage: ${thrown.stage})`;
  const hint = thrown.hint === undefined ? "" : `; ${thrown.hint}`;
  // A registry or an image may have chosen parts of it.
  return `tsbox: ${printable(thrown.message)}${stage}${hint}\n`;
}

/** The exit status for an error: `run` keeps 125, 126 and 127 apart, `exec` 126 and 127, the others fail with 1. */
function exitStatus(thrown: unknown, command: string): number {
  if (thrown instanceof UsageError) return thrown.status;
  const code = thrown instanceof TsboxError ? thrown.code : undefined;
  if (code === "cancelled") return INTERRUPTED;
  const verb = command.replace("container ", "");
  if (verb !== "run" && verb !== "exec") return 1;
  if (code === "cannot-execute") return 126;
  if (code === "command-not-found") return 127;
  return verb === "run" ? 125 : 1;
}

/** Does something and returns 0, or reports why it failed and returns the exit status. */
export function reported(io: Pick<Streams, "err">, command: string, action: () => void): number {
  try {
    action();
    return 0;
  } catch (thrown) {
    return report(io, command, thrown);
  }
}

/** Prints an error and returns the exit status. */
export function report(io: Pick<Streams, "err">, command: string, thrown: unknown): number {
  if (thrown instanceof OutputClosed) return BROKEN_PIPE;
  io.err(errorText(thrown));
  return exitStatus(thrown, command);
}
