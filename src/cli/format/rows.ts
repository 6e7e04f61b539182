import { TsboxError } from "../../errors.ts";
import { alignTable } from "./table.ts";
import { compileTemplate } from "./template.ts";
import { HEADER_FUNCTIONS } from "./template_functions.ts";

/** One line of a list: what templates see of it. Functions are methods (`.Label "key"`). */
export type Row = Readonly<Record<string, unknown>>;

/** How a list is printed. */
export interface ListLayout {
  /** Title of each field. */
  headers: Readonly<Record<string, string>>;
  /** The template of the default table, without the word `table`. */
  columns: string;
  /** The template of `--quiet`. */
  quiet: string;
}

/** The title of `.Label "com.example.some-key"`: docker takes the last part of the key. */
function labelTitle(key: unknown): string {
  return String(key).split(".").at(-1)?.replace(/[-_]/g, " ") ?? "";
}

/**
 * The text of a list, as `--format` and `--quiet` want it: a table by default or after the word
 * `table`, an object a line for `json`, else the template once a row.
 * Throws TsboxError("invalid-argument") for a bad template.
 */
export function formatRows(
  rows: readonly Row[],
  layout: ListLayout,
  options: { format?: string; quiet: boolean },
): string {
  const format = unescaped(options.format ?? "");
  if (format === "raw") {
    throw new TsboxError("unsupported", "--format raw is not supported by tsbox", {
      hint: "use json, table or a template",
    });
  }
  if (format === "json") return lines("{{json .}}", rows);
  if (format === "" || format === "table") {
    return options.quiet ? lines(layout.quiet, rows) : table(layout.columns, layout, rows);
  }
  const columns = /^table(\s+)/.exec(format);
  return columns ? table(format.slice(columns[0].length), layout, rows) : lines(format, rows);
}

/** Shells do not make tabs of `\t`; docker does. */
function unescaped(format: string): string {
  return format.trim().replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function lines(source: string, rows: readonly Row[]): string {
  const fill = filler(source);
  return rows.map((row) => fill(row) + "\n").join("");
}

function table(source: string, { headers }: ListLayout, rows: readonly Row[]): string {
  const fill = filler(source);
  const head = isPlain(source)
    ? fill(headers)
    : compileTemplate(source)({ ...headers, Label: labelTitle }, HEADER_FUNCTIONS);
  return alignTable([head, ...rows.map(fill)]);
}

/** Every other piece is the name of a field. */
function pieces(source: string): string[] {
  return source.split(/\{\{ *\.(\w+) *\}\}/);
}

function isPlain(source: string): boolean {
  return pieces(source).every((piece, i) => i % 2 === 1 || !piece.includes("{{"));
}

/**
 * Fields with text between them, which is what most lists are, are joined here: a thousand rows take the
 * evaluator longer than all the rest of `images`. What is no text is left to it, errors too.
 */
function filler(source: string): (row: Row) => string {
  if (!isPlain(source)) {
    const template = compileTemplate(source);
    return (row) => template(row);
  }
  const parts = pieces(source);
  return (row) => {
    let text = "";
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] ?? "";
      const value = i % 2 === 0 ? part : row[part];
      if (typeof value !== "string") return compileTemplate(source)(row);
      text += value;
    }
    return text;
  };
}
