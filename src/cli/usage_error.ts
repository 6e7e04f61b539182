import type { CommandGrammar, Flag } from "./flags.ts";
import { flagTitle } from "./flags.ts";

/** Docker's exit status for a command line it cannot parse. */
const BAD_FLAG = 125;

/** A command line that does not fit the grammar; `message` is the whole text to print. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** `tsbox run`, or `tsbox` for what stands before the command. */
function programName(command: CommandGrammar): string {
  return `tsbox ${command.path}`.trimEnd();
}

/** `Usage:  tsbox run [OPTIONS] ...`. */
export function usageLine(command: CommandGrammar): string {
  return `Usage:  ${programName(command)} ${command.usage}`.trimEnd();
}

/** A flag that is unknown, lacks its value or has a bad one: docker shows the usage and exits with 125. */
export function badFlag(command: CommandGrammar, message: string): UsageError {
  const pointer = `Run '${programName(command)} --help' for more information`;
  return new UsageError(`${message}\n\n${usageLine(command)}\n\n${pointer}`, BAD_FLAG);
}

/** The value of a flag was refused when it was read. */
export function badValue(
  command: CommandGrammar,
  flag: Flag,
  value: string,
  reason: string,
): UsageError {
  return badFlag(
    command,
    `invalid argument ${JSON.stringify(value)} for "${flagTitle(flag)}" flag: ${reason}`,
  );
}

/** The number of positional arguments is wrong: docker exits with 1. */
export function badCount(command: CommandGrammar): UsageError {
  const program = programName(command);
  // As docker: "See" where any number more is right.
  const verb = command.args.max === undefined ? "See" : "Run";
  return new UsageError(
    `tsbox: '${program}' ${wantedCount(command)}\n\n${usageLine(command)}\n\n` +
      `${verb} '${program} --help' for more information`,
    1,
  );
}

function wantedCount({ args: { min, max } }: CommandGrammar): string {
  const plural = (count: number) => `${count} ${count === 1 ? "argument" : "arguments"}`;
  if (max === undefined) return `requires at least ${plural(min)}`;
  if (max === 0) return "accepts no arguments";
  if (min === max) return `requires ${plural(min)}`;
  if (min === 0) return `requires at most ${plural(max)}`;
  return `requires at least ${min} and at most ${plural(max)}`;
}
