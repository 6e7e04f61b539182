/** What a setting can be. Each kind reads JSON of the file and words of the environment or a flag. Pure. */
import { Misfit } from "./misfit.ts";

/** How values of one type are written. */
export interface Kind<T> {
  /** In the documentation: `list of hosts`. */
  name: string;
  /** What help shows for the value: `list`. */
  word: string;
  /** Whether a flag can be repeated and a variable has commas. */
  isList: boolean;
  /** Throws Misfit. */
  fromJson(value: unknown): T;
  /** Throws Misfit. */
  fromWords(words: readonly string[]): T;
}

/** One text; `read` returns undefined for what it is not. */
function single<T>(
  name: string,
  word: string,
  expected: string,
  read: (value: unknown) => T | undefined,
  fromText: (text: string) => unknown = (text) => text,
): Kind<T> {
  const fromJson = (value: unknown) => {
    const found = read(value);
    if (found === undefined) throw new Misfit(value, expected);
    return found;
  };
  const fromWords = (words: readonly string[]) => {
    const text = words.at(-1) ?? "";
    const found = read(fromText(text));
    if (found === undefined) throw new Misfit(text, expected);
    return found;
  };
  return { name, word, isList: false, fromJson, fromWords };
}

/** A whole number from `min` to `max`. */
export function count(min: number, max: number): Kind<number> {
  const fits = (value: unknown) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max
      ? value
      : undefined;
  const numeral = (text: string) => /^[0-9]{1,16}$/.test(text) ? Number(text) : text;
  return single("number", "int", `a whole number from ${min} to ${max}`, fits, numeral);
}

/** One of these words. */
export function oneOf<T extends string>(words: readonly T[]): Kind<T> {
  return single(
    words.map((word) => `\`${word}\``).join(", "),
    "string",
    `one of ${words.join(", ")}`,
    (value) => words.find((word) => word === value),
  );
}

/** A text that `read` understands; it may write it in another way, and returns undefined for others. */
export function text(
  name: string,
  expected: string,
  read: (text: string) => string | undefined,
): Kind<string> {
  return single(
    name,
    "string",
    expected,
    (value) => typeof value === "string" ? read(value) : undefined,
  );
}

/** A list of texts that `read` understands, as in {@link text}. */
export function list(
  name: string,
  expected: string,
  read: (text: string) => string | undefined,
): Kind<readonly string[]> {
  const element = (value: unknown, at: string) => {
    const found = typeof value === "string" ? read(value) : undefined;
    if (found === undefined) throw new Misfit(value, expected, at);
    return found;
  };
  return {
    name,
    word: "list",
    isList: true,
    fromJson(value) {
      if (!Array.isArray(value)) throw new Misfit(value, "a list");
      return value.map((one: unknown, i) => element(one, `[${i}]`));
    },
    fromWords: (words) => words.map((word) => element(word, "")),
  };
}

/** An object of the file; a variable or a flag has it as JSON. */
export function object<T>(
  name: string,
  read: (fields: ReadonlyMap<string, unknown>) => T,
): Kind<T> {
  const fromJson = (value: unknown) => read(fieldsOf(value, ""));
  const fromWords = (words: readonly string[]) => {
    let value: unknown;
    try {
      value = JSON.parse(words.at(-1) ?? "");
    } catch {
      throw new Misfit(words.at(-1), "a JSON object");
    }
    return fromJson(value);
  };
  return { name, word: "json", isList: false, fromJson, fromWords };
}

/** The fields of a JSON object; a Map, since `__proto__` is a field like others. Throws Misfit. */
export function fieldsOf(value: unknown, at: string): ReadonlyMap<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return new Map(Object.entries(value));
  }
  throw new Misfit(value, "an object", at);
}
