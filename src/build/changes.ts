/**
 * Instructions that change what an image says about its containers: those that docker takes for `--change`, in the
 * syntax of a Dockerfile. Pure.
 */
import { TsboxError } from "../errors.ts";
import type { ContainerConfig, Keys } from "./container_config.ts";
import { execForm } from "./exec_form.ts";
import { readPorts } from "./exposed_ports.ts";
import { readHealthcheck } from "./healthcheck.ts";
import { expandText, type Lookup, splitWords } from "./words.ts";

/** An instruction: its word in capitals, and what follows. */
interface Instruction {
  word: string;
  rest: string;
}

/** What the instructions work on. */
interface State {
  config: ContainerConfig;
  /** CMD was given: an ENTRYPOINT after it leaves it alone. */
  cmdSet: boolean;
}

type Change = (state: State, rest: string, lookup: Lookup) => ContainerConfig;

/**
 * The config after the changes, each of which may have several lines, continued by a backslash.
 * @throws TsboxError "invalid-argument" in docker's words
 */
export function applyChanges(
  config: ContainerConfig,
  changes: readonly string[],
): ContainerConfig {
  const state: State = { config, cmdSet: false };
  for (const instruction of changes.flatMap(readInstructions)) {
    state.config = applyInstruction(state, instruction);
    state.cmdSet ||= instruction.word === "CMD";
  }
  return state.config;
}

function readInstructions(text: string): Instruction[] {
  return text.replace(/\\[ \t]*\r?\n/g, "").split(/\r?\n/).map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
      return { word: word.toUpperCase(), rest };
    });
}

function applyInstruction(state: State, { word, rest }: Instruction): ContainerConfig {
  const change = Object.hasOwn(CHANGES, word) ? CHANGES[word] : undefined;
  if (change === undefined) throw invalid(`${word} is not a valid change command`);
  if (rest === "") throw invalid(`${word} requires at least one argument`);
  const values = new Map((state.config.Env ?? []).map(splitPair));
  return change(state, rest, (name) => values.get(name));
}

const CHANGES: Readonly<Record<string, Change>> = {
  CMD: ({ config }, rest) => ({ ...config, Cmd: command(config, rest) }),
  ENTRYPOINT: ({ config, cmdSet }, rest) => {
    const { Cmd, ...others } = config;
    const Entrypoint = command(config, rest);
    return cmdSet && Cmd !== undefined ? { ...others, Cmd, Entrypoint } : { ...others, Entrypoint };
  },
  ENV: ({ config }, rest, lookup) => {
    const Env = pairs("ENV", rest, lookup).reduce(
      (
        env,
        [key, value],
      ) => [...env.filter((text) => splitPair(text)[0] !== key), `${key}=${value}`],
      config.Env ?? [],
    );
    return { ...config, Env };
  },
  LABEL: ({ config }, rest, lookup) => ({
    ...config,
    Labels: { ...config.Labels, ...Object.fromEntries(pairs("LABEL", rest, lookup)) },
  }),
  EXPOSE: ({ config }, rest, lookup) => ({
    ...config,
    ExposedPorts: { ...config.ExposedPorts, ...keys(splitWords(rest, lookup).flatMap(readPorts)) },
  }),
  VOLUME: ({ config }, rest, lookup) => {
    const words = execForm(rest)?.map((word) => expandText(word, lookup)) ??
      splitWords(rest, lookup);
    if (words.length === 0) throw invalid("VOLUME requires at least one argument");
    if (words.some((word) => word.trim() === "")) {
      throw invalid("VOLUME specified can not be an empty string");
    }
    return { ...config, Volumes: { ...config.Volumes, ...keys(words) } };
  },
  USER: ({ config }, rest, lookup) => ({ ...config, User: single("USER", rest, lookup) }),
  WORKDIR: ({ config }, rest, lookup) => ({
    ...config,
    WorkingDir: joined(config.WorkingDir ?? "/", expandText(rest, lookup)),
  }),
  STOPSIGNAL: ({ config }, rest, lookup) => ({
    ...config,
    StopSignal: single("STOPSIGNAL", rest, lookup),
  }),
  HEALTHCHECK: ({ config }, rest) => ({ ...config, Healthcheck: readHealthcheck(rest) }),
  ONBUILD: ({ config }, rest) => {
    const word = (/^\S+/.exec(rest)?.[0] ?? "").toUpperCase();
    if (word === "ONBUILD") {
      throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    }
    if (word === "FROM" || word === "MAINTAINER") {
      throw invalid(`${word} isn't allowed as an ONBUILD trigger`);
    }
    return { ...config, OnBuild: [...config.OnBuild ?? [], rest] };
  },
};

function command({ Shell }: ContainerConfig, rest: string): string[] {
  return execForm(rest) ?? [...Shell ?? ["/bin/sh", "-c"], rest];
}

function single(word: string, rest: string, lookup: Lookup): string {
  const words = splitWords(rest, lookup);
  if (words.length === 1) return words[0] ?? "";
  throw invalid(`${word} requires exactly one argument`);
}

/** `K=V K2="V 2"`, or the old form `K V V`. */
function pairs(word: string, rest: string, lookup: Lookup): [key: string, value: string][] {
  const [, first = "", after] = /^(\S+)(?:\s+(.*))?$/s.exec(rest) ?? [];
  if (!first.includes("=")) {
    if (after === undefined) throw invalid(`${word} must have two arguments`);
    return [[expandText(first, lookup), expandText(after, lookup)]];
  }
  return splitWords(rest, lookup).map((text) => {
    const pair = splitPair(text);
    if (!text.includes("=")) {
      throw invalid(
        `Syntax error - can't find = in ${JSON.stringify(text)}. Must be of the form: name=value`,
      );
    }
    if (pair[0] === "") throw invalid(`${word} names can not be blank`);
    return pair;
  });
}

function splitPair(text: string): [key: string, value: string] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
}

function keys(names: readonly string[]): Keys {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** An absolute path without `.`, `..` and double slashes. */
function joined(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${folder}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function invalid(message: string): TsboxError {
  return new TsboxError("invalid-argument", message);
}
