import { TsboxError } from "../../errors.ts";
import { entriesOf, goPrint, goPrintf, goText, isMap } from "./go_text.ts";

/** A function of a template; arguments come evaluated. */
export type TemplateFunction = (...args: unknown[]) => unknown;

/** Functions by name. `and` and `or` are not here: they do not evaluate all their arguments. */
export type FunctionTable = Readonly<Record<string, TemplateFunction>>;

function failed(name: string, reason: string): TsboxError {
  return new TsboxError("invalid-argument", `error calling ${name}: ${reason}`);
}

function text(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw failed(name, `wrong type for value; expected string; got ${goText(value)}`);
}

function list(name: string, value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === undefined) return [];
  throw failed(name, `wrong type for value; expected a list; got ${goText(value)}`);
}

/** Docker's `json`: `<`, `>` and `&` stay as they are, methods are left out. */
function json(value: unknown): string {
  return JSON.stringify(value ?? null);
}

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  throw failed("len", `len of ${goText(value)}`);
}

/** A missing key of a map is Go's zero value, which for docker's maps is the empty string. */
function index(value: unknown, ...keys: unknown[]): unknown {
  return keys.reduce((inner, key) => {
    if (isMap(inner)) return Object.hasOwn(inner, String(key)) ? inner[String(key)] : "";
    if (!Array.isArray(inner)) throw failed("index", `can't index item of ${goText(inner)}`);
    const item: unknown = inner[Number(key)];
    if (item === undefined) throw failed("index", `index out of range: ${goText(key)}`);
    return item;
  }, value);
}

function slice(value: unknown, from?: unknown, to?: unknown): unknown {
  if (typeof value !== "string" && !Array.isArray(value)) {
    throw failed("slice", `can't slice item of ${goText(value)}`);
  }
  const end = to === undefined ? value.length : Number(to);
  if (end > value.length) throw failed("slice", `index out of range: ${end}`);
  return value.slice(Number(from ?? 0), end);
}

function compare(name: string, a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw failed(name, "incompatible types for comparison");
}

function equal(a: unknown, b: unknown): boolean {
  if (isMap(a) || Array.isArray(a) || isMap(b) || Array.isArray(b)) {
    throw failed("eq", "incompatible types for comparison");
  }
  // A number and a string never compare in Go; saying so helps more than "false".
  const missing = [a, b].some((value) => value === null || value === undefined);
  if (!missing && typeof a !== typeof b) {
    throw failed("eq", "incompatible types for comparison");
  }
  return a === b;
}

/** Go's zero values are false, and so is what is empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return entriesOf(value).length > 0;
  return Boolean(value);
}

const BASIC: FunctionTable = {
  json,
  len: length,
  index,
  slice,
  not: (value) => !isTrue(value),
  eq: (value, ...others) => others.some((other) => equal(value, other)),
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => compare("lt", a, b) < 0,
  le: (a, b) => compare("le", a, b) <= 0,
  gt: (a, b) => compare("gt", a, b) > 0,
  ge: (a, b) => compare("ge", a, b) >= 0,
  print: (...values) => goPrint(values),
  println: (...values) => values.map(goText).join(" ") + "\n",
  printf: (format, ...values) => goPrintf(text("printf", format), values),
};

const WORDS: FunctionTable = {
  split: (value, by) => text("split", value).split(text("split", by)),
  join: (values, by) => list("join", values).map(goText).join(text("join", by)),
  lower: (value) => text("lower", value).toLowerCase(),
  upper: (value) => text("upper", value).toUpperCase(),
  title: (value) => text("title", value).replace(/(?<![\w'])\p{Ll}/gu, (c) => c.toUpperCase()),
  pad: (value, before, after) => {
    const body = text("pad", value);
    return body && " ".repeat(Number(before)) + body + " ".repeat(Number(after));
  },
  truncate: (value, to) => text("truncate", value).slice(0, Number(to)),
};

/** What a template over data can call. */
export const FUNCTIONS: FunctionTable = { ...BASIC, ...WORDS };

/** For the heading of a table: what would change a value leaves its title alone. */
export const HEADER_FUNCTIONS: FunctionTable = {
  ...BASIC,
  ...Object.fromEntries(Object.keys(WORDS).map((name) => [name, same])),
  // Of the whole row nothing is left, as with docker.
  json: (value) => isMap(value) ? "" : value,
};

/** Whether a template may call it; `and` and `or` are evaluated by the evaluator itself. */
export function isFunction(name: string): boolean {
  return name === "and" || name === "or" || Object.hasOwn(FUNCTIONS, name);
}

function same(value: unknown): unknown {
  return value;
}
