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
  const template = compileTemplate(source);
  return rows.map((row) => template(row) + "\n").join("");
}

function table(source: string, { headers }: ListLayout, rows: readonly Row[]): string {
  const template = compileTemplate(source);
  const head = template({ ...headers, Label: labelTitle }, HEADER_FUNCTIONS);
  return alignTable([head, ...rows.map((row) => template(row))]);
}
