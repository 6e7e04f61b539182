import type { EngineContext } from "../engine/context.ts";
import type { CommandGrammar } from "./flags.ts";
import type { CliIo } from "./io.ts";
import type { ParsedLine } from "./parse.ts";

/** A command: its grammar, and what it does with a line of it. */
export interface Command {
  grammar: CommandGrammar;
  /** Calls the engine and prints; returns the exit status. */
  run(line: ParsedLine, io: CliIo, context: EngineContext): Promise<number>;
}

/** Where a command is found, so that only the one that is called gets loaded. */
export interface CommandEntry {
  paths: readonly string[];
  summary: string;
  load(): Promise<Command>;
}
