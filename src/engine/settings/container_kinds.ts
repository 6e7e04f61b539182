/** Settings that are defaults of containers, checked as the flags of `run` are. Pure. */
import { parseDns, parseDnsOption, parseDnsSearch } from "../../container/name_servers.ts";
import type { Ulimit } from "../../container/run_options.ts";
import { parseSize } from "../../container/size.ts";
import { parseUlimit } from "../../container/ulimits.ts";
import { fieldsOf, type Kind, list } from "./kinds.ts";
import { Misfit } from "./misfit.ts";

type Parse<T> = (text: string, refuse: (reason: string) => Error) => T;

/** What `parse` returns; undefined for what it refuses. */
function accepted<T>(parse: Parse<T>): (text: string) => T | undefined {
  return (text) => {
    try {
      return parse(text, (reason) => new Error(reason));
    } catch {
      return undefined;
    }
  };
}

export const NAME_SERVERS = list("list of addresses", "an IP address", accepted(parseDns));
export const DOMAINS = list("list of domains", "a domain", accepted(parseDnsSearch));
export const RESOLVER_OPTIONS = list("list of words", "one word", accepted(parseDnsOption));

const SIZE = "a size such as 64m";

/** Bytes: a number, or a text with a unit. */
export const SIZES: Kind<number> = {
  name: "size",
  word: "bytes",
  isList: false,
  fromJson: (value) => {
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
    return size(value);
  },
  fromWords: (words) => size(words.at(-1)),
};

function size(value: unknown): number {
  const bytes = typeof value === "string" ? parseSize(value) : undefined;
  if (bytes !== undefined && bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new Misfit(value, SIZE);
}

/** Ulimits by their name, in the form of docker's daemon.json; `name=soft[:hard]` as words. */
export const ULIMITS: Kind<Readonly<Record<string, Ulimit>>> = {
  name: "object",
  word: "ulimit",
  isList: true,
  fromJson: (value) =>
    byName([...fieldsOf(value, "")].map(([name, limits]) => ulimit(name, limits))),
  fromWords: (words) => byName(words.map((word) => checked(word, word, ""))),
};

function byName(ulimits: readonly Ulimit[]): Readonly<Record<string, Ulimit>> {
  return Object.fromEntries(ulimits.map((ulimit) => [ulimit.name, ulimit]));
}

function ulimit(name: string, value: unknown): Ulimit {
  const at = `.${JSON.stringify(name)}`;
  const fields = fieldsOf(value, at);
  const unknown = [...fields.keys()].find((field) => !/^(?:Name|Soft|Hard)$/.test(field));
  if (unknown !== undefined) throw new Misfit(unknown, "one of Name, Soft, Hard", at);
  if ((fields.get("Name") ?? name) !== name) {
    throw new Misfit(fields.get("Name"), name, `${at}.Name`);
  }
  const soft = fields.get("Soft");
  return checked(`${name}=${String(soft)}:${String(fields.get("Hard") ?? soft)}`, value, at);
}

function checked(spec: string, value: unknown, at: string): Ulimit {
  const found = accepted(parseUlimit)(spec);
  if (found !== undefined) return found;
  throw new Misfit(value, "a ulimit with a soft and a hard limit that is not lower", at);
}

/** Options of a log driver: an object of texts in the file, as in docker's daemon.json; `key=value` as words. */
export const LOG_OPTIONS: Kind<Readonly<Record<string, string>>> = {
  name: "object",
  word: "list",
  isList: true,
  fromJson(value) {
    const fields = [...fieldsOf(value, "")];
    const bad = fields.find(([, text]) => typeof text !== "string");
    if (bad !== undefined) throw new Misfit(bad[1], "a text", `.${JSON.stringify(bad[0])}`);
    return Object.fromEntries(fields.map(([key, text]) => [key, String(text)]));
  },
  fromWords: (words) =>
    Object.fromEntries(words.map((word) => {
      const equals = word.indexOf("=");
      if (equals < 1) throw new Misfit(word, "key=value");
      return [word.slice(0, equals), word.slice(equals + 1)];
    })),
};
