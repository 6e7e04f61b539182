import { TsboxError } from "../errors.ts";
import type { CommandGrammar, Flag } from "./flags.ts";
import { FlagValues } from "./flags.ts";
import { badCount, badFlag, badValue } from "./usage_error.ts";

/** A command line taken apart. */
export interface ParsedLine {
  flags: FlagValues;
  args: string[];
  /** `--help` was given: nothing else counts. */
  help: boolean;
}

const HELP: Flag = { name: "help", help: "Print usage" };

/** The words docker takes for a boolean (those of Go's ParseBool). */
const BOOLEANS: Readonly<Record<string, string>> = {
  "1": "true",
  t: "true",
  T: "true",
  true: "true",
  TRUE: "true",
  True: "true",
  "0": "false",
  f: "false",
  F: "false",
  false: "false",
  FALSE: "false",
  False: "false",
};

/**
 * Takes `argv` (what follows the command's path) apart by docker's grammar: `--flag=value`,
 * `--flag value`, `-it`, `-eK=V`, `-e K=V`, `--`. Throws UsageError, or TsboxError("unsupported")
 * for a flag that docker has and tsbox has not.
 */
export function parseLine(command: CommandGrammar, argv: readonly string[]): ParsedLine {
  const line: ParsedLine = { flags: new FlagValues(), args: [], help: false };
  for (let i = 0; i < argv.length;) {
    const word = argv[i++] ?? "";
    if (word === "--") {
      line.args = line.args.concat(argv.slice(i));
      break;
    }
    if (word.startsWith("--")) i += takeLong(command, line, word, argv[i]);
    else if (word.startsWith("-") && word !== "-") i += takeShort(command, line, word, argv[i]);
    else if (command.optionsFirst) {
      line.args = argv.slice(i - 1);
      break;
    } else line.args.push(word);
  }
  if (!line.help) checkCount(command, line.args.length);
  return line;
}

function checkCount(command: CommandGrammar, given: number): void {
  const { min, max } = command.args;
  if (given < min || (max !== undefined && given > max)) throw badCount(command);
}

/** Returns how many of the following words it used: 0 or 1. */
function takeLong(
  command: CommandGrammar,
  line: ParsedLine,
  word: string,
  next: string | undefined,
): number {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  if (name === "" || name.startsWith("-")) throw badFlag(command, `bad flag syntax: ${word}`);
  const flag = named(command, name);
  if (!flag) throw badFlag(command, `unknown flag: --${name}`);
  if (equals >= 0) return store(command, line, flag, word.slice(equals + 1), 0);
  if (flag.value === undefined) return store(command, line, flag, "true", 0);
  if (next === undefined) throw badFlag(command, `flag needs an argument: --${name}`);
  return store(command, line, flag, next, 1);
}

// Plain loops here and where else every start comes by: the first use of an array's method with a
// callback costs a start as much as ten of these.

function named(command: CommandGrammar, name: string): Flag | undefined {
  for (const flag of command.flags) {
    if (flag.name === name) return flag.alias === undefined ? flag : named(command, flag.alias);
  }
  return name === "help" ? HELP : command.refused?.().find((flag) => flag.name === name);
}

function lettered(command: CommandGrammar, letter: string): Flag | undefined {
  for (const flag of command.flags) if (flag.short === letter) return flag;
  const refused = command.refused?.().find((flag) => flag.short === letter);
  return refused ?? (letter === "h" ? HELP : undefined);
}

/** A cluster such as `-it` or `-eK=V`; returns how many of the following words it used. */
function takeShort(
  command: CommandGrammar,
  line: ParsedLine,
  word: string,
  next: string | undefined,
): number {
  for (let rest = word.slice(1); rest !== ""; rest = rest.slice(1)) {
    const letter = rest.charAt(0);
    const flag = lettered(command, letter);
    if (!flag) throw badFlag(command, `unknown shorthand flag: '${letter}' in -${rest}`);
    if (rest.charAt(1) === "=" && rest.length > 2) {
      return store(command, line, flag, rest.slice(2), 0);
    }
    if (flag.value === undefined) {
      store(command, line, flag, "true", 0);
      continue;
    }
    if (rest.length > 1) return store(command, line, flag, rest.slice(1), 0);
    if (next === undefined) {
      throw badFlag(command, `flag needs an argument: '${letter}' in -${rest}`);
    }
    return store(command, line, flag, next, 1);
  }
  return 0;
}

function store(
  command: CommandGrammar,
  line: ParsedLine,
  flag: Flag,
  value: string,
  used: number,
): number {
  if (flag.unsupported) throw unsupportedFlag(command, flag);
  if (flag.value !== undefined) {
    if (flag.value === "filter" && !isFilter(command, flag, value)) return used;
    line.flags.add(flag.name, value);
    return used;
  }
  const word = BOOLEANS[value];
  if (word === undefined) {
    throw badValue(command, flag, value, `strconv.ParseBool: parsing "${value}": invalid syntax`);
  }
  if (flag === HELP) line.help = word === "true";
  else line.flags.add(flag.name, word);
  return used;
}

/** False for the empty one, which docker takes for none. Throws UsageError. */
function isFilter(command: CommandGrammar, flag: Flag, value: string): boolean {
  if (value === "" || value.includes("=")) return value !== "";
  throw badValue(command, flag, value, "bad format of filter (expected name=value)");
}

function unsupportedFlag(command: CommandGrammar, flag: Flag): TsboxError {
  return new TsboxError("unsupported", `--${flag.name} is not supported by tsbox yet`, {
    hint: `'tsbox ${command.path} --help' lists what is`,
  });
}
