import { TsboxError } from "../../errors.ts";
import { alignColumns, alignTable } from "./table.ts";
import { compileTemplate } from "./template.ts";
import { HEADER_FUNCTIONS } from "./template_functions.ts";

/** One line of a list: what templates see of it. Functions are methods (`.Label "key"`). */
export type Row = Readonly<Record<string, unknown>>;

/** What templates see of one item of a list, by name; each is asked for only where it is shown. */
export type Fields<T> = ReadonlyMap<string, (item: T) => unknown>;

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

/** `--format` and `--quiet`. */
export interface FormatOptions {
  format?: string;
  quiet: boolean;
}

/** The items of a list, and what is shown of them. */
interface Source<T> {
  items: readonly T[];
  /** Undefined: no such field. */
  field(name: string): ((item: T) => unknown) | undefined;
  /** All fields, for templates that take more than single ones. */
  row(item: T): Row;
}

/**
 * The text of a list, as `--format` and `--quiet` want it: a table by default or after the word
 * `table`, an object a line for `json`, else the template once a row.
 * Throws TsboxError("invalid-argument") for a bad template.
 */
export function formatRows(
  rows: readonly Row[],
  layout: ListLayout,
  options: FormatOptions,
): string {
  const field = (name: string) => (row: Row) => row[name];
  return formatted({ items: rows, field, row: (row) => row }, layout, options);
}

/** {@link formatRows} for long lists, of whose fields a table shows a few. */
export function formatList<T>(
  items: readonly T[],
  fields: Fields<T>,
  layout: ListLayout,
  options: FormatOptions,
): string {
  const source = {
    items,
    field: (name: string) => fields.get(name),
    row: (item: T) => fullRow(item, fields),
  };
  return formatted(source, layout, options);
}

/** All fields of an item. */
export function fullRow<T>(item: T, fields: Fields<T>): Row {
  const row: Record<string, unknown> = {};
  for (const [name, field] of fields) row[name] = field(item);
  return row;
}

function formatted<T>(source: Source<T>, layout: ListLayout, options: FormatOptions): string {
  const format = unescaped(options.format ?? "");
  if (format === "raw") {
    throw new TsboxError("unsupported", "--format raw is not supported by tsbox", {
      hint: "use json, table or a template",
    });
  }
  if (format === "json" || /^\{\{ *json +\. *\}\}$/.test(format)) return objects(source);
  if (format === "" || format === "table") {
    return options.quiet ? lines(layout.quiet, source) : table(layout.columns, layout, source);
  }
  const columns = /^table\s*/.exec(format);
  return columns ? table(format.slice(columns[0].length), layout, source) : lines(format, source);
}

/** As Go writes what makes its JSON itself, which docker's rows do: fit for a script element of HTML. */
function objects<T>(source: Source<T>): string {
  const escaped = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return lines("{{json .}}", source).replace(/[<>&\u2028\u2029]/g, escaped);
}

/** Shells do not make tabs of `\t`; docker does. */
function unescaped(format: string): string {
  return format.trim().replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function lines<T>(template: string, source: Source<T>): string {
  const fill = filler(template, source);
  return source.items.map((item) => fill(item) + "\n").join("");
}

function table<T>(template: string, { headers }: ListLayout, source: Source<T>): string {
  const simple = simpleTable(template, headers, source);
  if (simple !== undefined) return simple;
  const fill = filler(template, source);
  const head = isPlain(template)
    ? filler(template, { items: [], field: (name) => (row: Row) => row[name], row: (row) => row })(
      headers,
    )
    : compileTemplate(template)({ ...headers, Label: labelTitle }, HEADER_FUNCTIONS);
  return alignTable([head, ...source.items.map(fill)]);
}

/**
 * A table each column of which is a field, as those of docker are: column by column, since a thousand lines that
 * are put together first and taken apart then take longer. Undefined where it is not so simple.
 */
function simpleTable<T>(
  template: string,
  headers: ListLayout["headers"],
  { items, field }: Source<T>,
): string | undefined {
  const columns: string[][] = [];
  for (const column of template.split("\t")) {
    const [, name = ""] = /^\{\{ *\.(\w+) *\}\}$/.exec(column) ?? [];
    const [title, value] = [headers[name], field(name)];
    if (title === undefined || value === undefined) return undefined;
    const cells = [title];
    for (const item of items) {
      const cell = value(item);
      if (typeof cell !== "string") return undefined;
      cells.push(cell);
    }
    columns.push(cells);
  }
  return alignColumns(columns);
}

/** Every other piece is the name of a field. */
function pieces(template: string): string[] {
  return template.split(/\{\{ *\.(\w+) *\}\}/);
}

function isPlain(template: string): boolean {
  return pieces(template).every((piece, i) => i % 2 === 1 || !piece.includes("{{"));
}

/**
 * Fields with text between them, which is what most lists are, are joined here: a thousand rows take the
 * evaluator longer than all the rest of `images`. What is no text is left to it, errors too.
 */
function filler<T>(template: string, { field, row }: Source<T>): (item: T) => string {
  if (!isPlain(template)) {
    const whole = compileTemplate(template);
    return (item) => whole(row(item));
  }
  const parts = pieces(template).map((piece, i) => i % 2 === 0 ? () => piece : field(piece));
  return (item) => {
    let text = "";
    for (const part of parts) {
      const value = part?.(item);
      if (typeof value !== "string") return compileTemplate(template)(row(item));
      text += value;
    }
    return text;
  };
}
