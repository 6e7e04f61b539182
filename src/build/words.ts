/**
 * Words of Dockerfile instructions: quotes, backslashes and variables as docker's builder takes them
 * (Dockerfile reference, "Environment replacement"). Pure.
 */
import { TsboxError } from "../errors.ts";

/** The value of a variable; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

/** Splits at white space outside of quotes; quotes and backslashes go, variables become their values. */
export function splitWords(text: string, lookup: Lookup): string[] {
  const reader = new WordReader(text, lookup);
  const words: string[] = [];
  for (let word = reader.word(true); word !== undefined; word = reader.word(true)) words.push(word);
  return words;
}

/** The same without splitting: white space belongs to the text. */
export function expandText(text: string, lookup: Lookup): string {
  return new WordReader(text, lookup).word(false) ?? "";
}

const SPACE = /\s/;
const NAME = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/;

class WordReader {
  readonly #text: string;
  readonly #lookup: Lookup;
  #at = 0;

  constructor(text: string, lookup: Lookup) {
    this.#text = text;
    this.#lookup = lookup;
  }

  /** The next word, or all that is left; undefined at the end. */
  word(splits: boolean): string | undefined {
    if (splits) { while (SPACE.test(this.#peek())) this.#at++; }
    if (this.#at >= this.#text.length) return undefined;
    let word = "";
    while (this.#at < this.#text.length && !(splits && SPACE.test(this.#peek()))) {
      word += this.#part();
    }
    return word;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  /** One character or one quoted or replaced piece. */
  #part(): string {
    const character = this.#text.charAt(this.#at++);
    if (character === "'") return this.#single();
    if (character === '"') return this.#double();
    if (character === "$") return this.#variable();
    if (character !== "\\") return character;
    return this.#text.charAt(this.#at++);
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at);
    if (end < 0) throw this.#unexpected("'");
    const text = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #double(): string {
    let text = "";
    for (;;) {
      const character = this.#text.charAt(this.#at++);
      if (character === "") throw this.#unexpected('"');
      if (character === '"') return text;
      if (character === "$") text += this.#variable();
      else if (character === "\\" && /["$\\]/.test(this.#peek())) {
        text += this.#text.charAt(this.#at++);
      } else text += character;
    }
  }

  /** After the dollar sign. */
  #variable(): string {
    if (this.#peek() === "{") return this.#braced();
    const name = NAME.exec(this.#text.slice(this.#at))?.[0];
    if (name === undefined) return "$";
    this.#at += name.length;
    return this.#lookup(name) ?? "";
  }

  /** `{NAME}`, `{NAME:-WORD}`, `{NAME:+WORD}`, `{NAME:?WORD}`; without the colon an empty value counts as set. */
  #braced(): string {
    this.#at++;
    const name = NAME.exec(this.#text.slice(this.#at))?.[0];
    if (name === undefined) throw this.#badSubstitution();
    this.#at += name.length;
    const operator = /^(?:\}|:?[-+?])/.exec(this.#text.slice(this.#at))?.[0];
    if (operator === undefined) throw this.#badSubstitution();
    this.#at += operator.length;
    const value = this.#lookup(name);
    if (operator === "}") return value ?? "";
    const word = this.#untilBrace();
    const isSet = value !== undefined && !(operator.startsWith(":") && value === "");
    if (operator.endsWith("-")) return isSet ? value : word;
    if (operator.endsWith("+")) return isSet ? word : "";
    if (isSet) return value;
    throw new TsboxError("invalid-argument", `${name}: ${word || "parameter not set"}`);
  }

  #untilBrace(): string {
    let word = "";
    while (this.#peek() !== "}") {
      if (this.#peek() === "") throw this.#badSubstitution();
      word += this.#part();
    }
    this.#at++;
    return word;
  }

  #badSubstitution(): TsboxError {
    return new TsboxError(
      "invalid-argument",
      `Cannot read ${JSON.stringify(this.#text)}: bad substitution`,
    );
  }

  #unexpected(quote: string): TsboxError {
    return new TsboxError(
      "invalid-argument",
      `Cannot read ${
        JSON.stringify(this.#text)
      }: unexpected end of statement while looking for matching ${quote}`,
    );
  }
}
