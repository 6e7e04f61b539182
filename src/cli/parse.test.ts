import { expect, test } from "bun:test";
import { TsboxError } from "../errors.ts";
import type { CommandGrammar } from "./flags.ts";
import { parseLine } from "./parse.ts";
import { runGrammar } from "./run/grammar.ts";
import { UsageError } from "./usage_error.ts";

const ps: CommandGrammar = {
  path: "ps",
  aliases: ["ps"],
  summary: "List containers",
  usage: "[OPTIONS]",
  args: { min: 0, max: 0 },
  flags: [
    { name: "all", short: "a", help: "Show all containers" },
    { name: "last", short: "n", value: "int", help: "Show n last created containers" },
  ],
};

function failure(grammar: CommandGrammar, ...argv: string[]): UsageError {
  try {
    parseLine(grammar, argv);
  } catch (thrown) {
    if (thrown instanceof UsageError) return thrown;
    throw thrown;
  }
  throw new Error("the line was accepted");
}

test("a cluster of short flags sets each of them", () => {
  const { flags } = parseLine(runGrammar, ["-it", "alpine"]);
  expect([flags.on("interactive"), flags.on("tty"), flags.on("rm")]).toEqual([true, true, false]);
});

test("a short flag takes its value attached, after an equals sign, or as the next word", () => {
  const { flags } = parseLine(runGrammar, ["-eA=1", "-e=B=2", "-e", "C=3", "-ite", "D=4", "x"]);
  expect(flags.all("env")).toEqual(["A=1", "B=2", "C=3", "D=4"]);
});

test("a long flag takes its value after an equals sign or as the next word", () => {
  const { flags } = parseLine(runGrammar, ["--name=a=b", "--user", "1:2", "x"]);
  expect([flags.last("name"), flags.last("user")]).toEqual(["a=b", "1:2"]);
});

test("a boolean can be switched off, and takes no following word", () => {
  const { flags, args } = parseLine(runGrammar, ["--rm=false", "-it=0", "--init", "true"]);
  expect([flags.on("rm"), flags.on("interactive"), flags.on("tty")]).toEqual([false, true, false]);
  expect(args).toEqual(["true"]);
});

test("what follows the image belongs to the container", () => {
  const { args, flags } = parseLine(runGrammar, ["--rm", "alpine", "ls", "-la", "--", "--bogus"]);
  expect(args).toEqual(["alpine", "ls", "-la", "--", "--bogus"]);
  expect(flags.on("rm")).toBe(true);
});

test("other commands take options after arguments, until --", () => {
  const rm = { ...ps, args: { min: 1 } };
  const { args, flags } = parseLine(rm, ["a", "-a", "--", "-n"]);
  expect(args).toEqual(["a", "-n"]);
  expect(flags.on("all")).toBe(true);
});

test("an old name is its new flag", () => {
  expect(parseLine(runGrammar, ["--net", "host", "x"]).flags.last("network")).toBe("host");
});

test("an unknown flag is refused in docker's words with status 125", () => {
  const error = failure(runGrammar, "--bogus", "x");
  expect(error.message).toBe(
    "unknown flag: --bogus\n\nUsage:  tsbox run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n" +
      "Run 'tsbox run --help' for more information",
  );
  expect(error.status).toBe(125);
});

test.each([
  [["-itZ", "x"], "unknown shorthand flag: 'Z' in -Z"],
  [["-=x", "x"], "unknown shorthand flag: '=' in -=x"],
  [["-e"], "flag needs an argument: 'e' in -e"],
  [["--env"], "flag needs an argument: --env"],
  [["---x"], "bad flag syntax: ---x"],
  [["--=x"], "bad flag syntax: --=x"],
  [
    ["--rm=maybe", "x"],
    'invalid argument "maybe" for "--rm" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
  ],
])("%p is refused as docker does", (argv, message) => {
  expect(failure(runGrammar, ...argv).message.split("\n")[0]).toBe(message);
});

test("a missing or superfluous argument is refused with status 1", () => {
  const missing = failure(runGrammar, "--rm");
  expect(missing.message).toStartWith("tsbox: 'tsbox run' requires at least 1 argument\n\nUsage:");
  expect(missing.status).toBe(1);
  expect(failure(ps, "x").message).toStartWith("tsbox: 'tsbox ps' accepts no arguments\n");
});

test("how many arguments are wanted is said in docker's words", () => {
  const said = (min: number, max?: number) => {
    const args = max === undefined ? { min } : { min, max };
    const words = Array.from({ length: min === 0 ? 9 : 0 }, () => "x");
    const [first = "", , , , last = ""] = failure({ ...ps, args }, ...words).message.split("\n");
    return `${first.slice("tsbox: 'tsbox ps' ".length)}: ${last.split(" ")[0]}`;
  };
  expect(said(0, 0)).toBe("accepts no arguments: Run");
  expect(said(0, 1)).toBe("requires at most 1 argument: Run");
  expect(said(2, 2)).toBe("requires 2 arguments: Run");
  expect(said(1, 2)).toBe("requires at least 1 and at most 2 arguments: Run");
  expect(said(2)).toBe("requires at least 2 arguments: See");
});

test("--help excuses missing arguments, and -h is help where a command has no -h", () => {
  expect(parseLine(runGrammar, ["--help"]).help).toBe(true);
  expect(parseLine(ps, ["-h"]).help).toBe(true);
  expect(parseLine(runGrammar, ["-h", "box", "x"]).flags.last("hostname")).toBe("box");
});

test("a flag of docker's that tsbox has not is refused by name", () => {
  const refused = (argv: string[]) => () => parseLine(runGrammar, argv);
  for (
    const argv of [["--attach", "stdin", "x"], ["--attach=a", "x"], ["-astdin", "x"], ["-ia", "a"]]
  ) {
    expect(refused(argv)).toThrow(TsboxError);
    expect(refused(argv)).toThrow("--attach is not supported by tsbox yet");
  }
});
