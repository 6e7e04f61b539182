import type { Settings } from "../engine/settings/table.ts";
import { isTerminal } from "../ffi/terminal.ts";
import type { Command } from "./command.ts";
import { findCommand, unknownCommand } from "./commands.ts";
import { callerContext } from "./context.ts";
import type { CliIo, Streams } from "./io.ts";
import { parseLine } from "./parse.ts";
import { report } from "./report.ts";
import { writeAll } from "./writer.ts";

/** Those of this process. node:fs and node:tty would do this too, and take two milliseconds to load. */
export const streams: Streams = {
  out: (text) => writeAll(1, text),
  err: (text) => writeAll(2, text),
  isTty: isTerminal,
};

/** Runs one command line and returns the exit status; prints every error, throws none. */
export async function cliMain(io: CliIo): Promise<number> {
  const globals = { words: io.argv };
  try {
    return await dispatch(io, globals);
  } catch (thrown) {
    const { words: [first = "", second = ""] } = globals;
    return report(io, first === "container" ? `${first} ${second}` : first, thrown);
  }
}

/** `globals.words` is set to the words from the command on: the error status depends on them. */
async function dispatch(io: CliIo, globals: { words: readonly string[] }): Promise<number> {
  let flags: Settings | undefined;
  if (io.argv[0]?.startsWith("-")) {
    const { flagSettings, globalGrammar } = await import("./global.ts");
    const line = parseLine(globalGrammar, io.argv);
    globals.words = line.args;
    if (line.flags.on("version")) return printVersion(io);
    if (line.help) return await help(io, []);
    flags = flagSettings(line, io.cwd);
  }
  const words = globals.words;
  if (words.length === 0 || words[0] === "help") return await help(io, words.slice(1));
  const found = findCommand(words);
  if (!found) return await groupHelp(io, words);
  const command = await found.entry.load();
  return await invoke(command, found.path, words.slice(found.length), io, flags);
}

async function invoke(
  command: Command,
  path: string,
  words: readonly string[],
  io: CliIo,
  flags: Settings | undefined,
): Promise<number> {
  const grammar = { ...command.grammar, path };
  const line = parseLine(grammar, words);
  if (line.help) {
    const { commandHelp } = await import("./help.ts");
    io.out(commandHelp(grammar));
    return 0;
  }
  return await command.run(line, io, await callerContext(io, flags));
}

function printVersion(io: CliIo): number {
  io.out(`tsbox version ${io.build.version}, build ${io.build.commit}\n`);
  return 0;
}

async function help(io: CliIo, words: readonly string[]): Promise<number> {
  const { helpFor } = await import("./help_topics.ts");
  io.out(await helpFor(words));
  return 0;
}

/** `tsbox image` alone prints its commands; anything else is unknown. */
async function groupHelp(io: CliIo, words: readonly string[]): Promise<number> {
  const { groupText } = await import("./help_topics.ts");
  const [group = "", next] = words;
  const text = groupText(group);
  if (text === undefined || (next !== undefined && next !== "--help" && next !== "-h")) {
    throw unknownCommand(words, text !== undefined);
  }
  io.out(text);
  return 0;
}
