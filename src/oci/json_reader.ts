/**
 * Reads untrusted JSON field by field. Every getter checks; nothing is cast. Absent and `null` are the same,
 * as in the Go programs that write most of these documents.
 */
import { messageOf, TsboxError } from "../errors.ts";

/** One JSON object and where it stands in its document, for messages. */
export class JsonReader {
  readonly #where: string;
  readonly #fields: Map<string, unknown>;

  /** Throws TsboxError("corrupt") when `value` is no object. */
  constructor(value: unknown, where: string) {
    if (!isObject(value)) throw wrong(where, "an object");
    this.#where = where;
    // A Map: a field called `__proto__` or `constructor` is only a field.
    this.#fields = new Map(Object.entries(value));
  }

  has(key: string): boolean {
    return (this.#fields.get(key) ?? null) !== null;
  }

  optionalString(key: string): string | undefined {
    const value = this.#fields.get(key) ?? undefined;
    return value === undefined ? undefined : asString(value, this.#path(key));
  }

  string(key: string): string {
    return asString(this.#fields.get(key), this.#path(key));
  }

  /** A whole number from 0 to 2^53 - 1. */
  size(key: string): number {
    const value = this.#fields.get(key);
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw wrong(this.#path(key), "a size");
  }

  boolean(key: string): boolean {
    const value = this.#fields.get(key) ?? false;
    if (typeof value === "boolean") return value;
    throw wrong(this.#path(key), "true or false");
  }

  optionalObject(key: string): JsonReader | undefined {
    return this.has(key) ? this.object(key) : undefined;
  }

  object(key: string): JsonReader {
    return new JsonReader(this.#fields.get(key), this.#path(key));
  }

  objects(key: string): JsonReader[] {
    return this.#list(key).map((item, index) =>
      new JsonReader(item, `${this.#path(key)}[${index}]`)
    );
  }

  strings(key: string): string[] {
    return this.#list(key).map((item, index) => asString(item, `${this.#path(key)}[${index}]`));
  }

  /** Old docker wrote a single string where a list belongs. */
  optionalStrings(key: string): string[] | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#fields.get(key);
    return typeof value === "string" ? [asString(value, this.#path(key))] : this.strings(key);
  }

  keys(): string[] {
    return [...this.#fields.keys()].map((key) => asString(key, this.#where));
  }

  /** All fields as strings. */
  stringMap(): Record<string, string> {
    return Object.fromEntries(this.keys().map((key) => [key, this.optionalString(key) ?? ""]));
  }

  #list(key: string): unknown[] {
    const value = this.#fields.get(key) ?? [];
    if (Array.isArray(value)) return value;
    throw wrong(this.#path(key), "a list");
  }

  #path(key: string): string {
    return `${this.#where}.${key}`;
  }
}

/**
 * Decodes a document of at most `limit` bytes whose top is an object.
 * @param what its name in messages, such as `image config`
 * @throws TsboxError("limit-exceeded") when it is longer, TsboxError("corrupt") when it is no JSON object
 */
export function readJson(bytes: Uint8Array, what: string, limit: number): JsonReader {
  if (bytes.length > limit) {
    throw new TsboxError(
      "limit-exceeded",
      `The ${what} has ${bytes.length} bytes, more than ${limit}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TsboxError("corrupt", `The ${what} is not JSON: ${messageOf(cause).slice(0, 120)}`, {
      cause,
    });
  }
  return new JsonReader(value, what);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** NUL ends a string in the kernel: what follows would be checked here and ignored there. */
function asString(value: unknown, where: string): string {
  if (typeof value === "string" && !value.includes("\0")) return value;
  throw wrong(where, "a string without NUL");
}

function wrong(where: string, wanted: string): TsboxError {
  const shown = where.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
  return new TsboxError("corrupt", `Cannot read ${shown}: it is not ${wanted}`);
}
