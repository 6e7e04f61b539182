/** What a request asks for behind the `?`, read as Docker reads it. */
import { TsboxError } from "../errors.ts";
import { type Filters, parseFilters } from "../engine/filters.ts";

/** The value of a parameter, undefined when it was not given. */
export type Query = (name: string) => string | undefined;

/** Docker takes anything for true but these. */
const FALSE = ["", "0", "no", "false", "none"];

/** A boolean parameter; false when it was not given. */
export function flagOf(query: Query, name: string): boolean {
  return !FALSE.includes((query(name) ?? "").trim().toLowerCase());
}

/** Throws TsboxError("unsupported") for a parameter that Docker would obey and tsbox cannot. */
export function refuse(query: Query, ...names: readonly string[]): void {
  const name = names.find((name) => flagOf(query, name));
  if (name === undefined) return;
  throw new TsboxError("unsupported", `The parameter "${name}" is not supported by tsbox yet`);
}

/** `limit`: undefined when all are wanted. Throws TsboxError("invalid-argument"). */
export function limitOf(query: Query): number | undefined {
  const text = query("limit") ?? "";
  if (text === "") return undefined;
  if (!/^-?\d{1,9}$/.test(text)) {
    throw new TsboxError("invalid-argument", `Cannot read "${text}" as the parameter "limit"`, {
      hint: "it is a number",
    });
  }
  return Number(text) > 0 ? Number(text) : undefined;
}

/**
 * `filters`: a JSON object of lists, or of objects as old clients send it (`{"label": {"a": true}}`).
 * Throws TsboxError("invalid-argument"), and what parseFilters() throws.
 */
export function filtersOf(
  query: Query,
  known: readonly string[],
  dockerOnly: readonly string[] = [],
): Filters {
  const text = query("filters") ?? "";
  return parseFilters(text === "" ? [] : filterSpecs(text), known, dockerOnly);
}

function filterSpecs(text: string): string[] {
  return Object.entries(objectIn(text)).flatMap(([key, values]) => {
    // The key ends at the first `=` of what is made here.
    if (key.includes("=")) throw badFilters(text);
    return wordsOf(values, text).map((value) => `${key}=${value}`);
  });
}

function objectIn(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw badFilters(text);
}

function wordsOf(values: unknown, text: string): string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  if (typeof values === "object" && values !== null && !Array.isArray(values)) {
    return Object.entries(values).filter(([, on]) => on === true).map(([value]) => value);
  }
  throw badFilters(text);
}

function badFilters(text: string): TsboxError {
  return new TsboxError("invalid-argument", `Cannot read the parameter "filters": ${text}`, {
    hint: 'write {"key": ["value"]}',
  });
}
