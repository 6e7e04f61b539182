import type { Flag } from "../flags.ts";
import type { ParsedLine } from "../parse.ts";

/** `--format` of a list. */
export const FORMAT: Flag = {
  name: "format",
  value: "string",
  help: 'Format output: "table", "table TEMPLATE", "json" or a Go template',
};

/** `--no-trunc`. */
export const NO_TRUNC: Flag = { name: "no-trunc", help: "Don't truncate output" };

/** `--quiet` of a list. */
export const QUIET: Flag = { name: "quiet", short: "q", help: "Only display IDs" };

/** The flags most lists have. */
export const LIST_FLAGS: Flag[] = [
  {
    name: "filter",
    short: "f",
    value: "filter",
    help: "Filter output based on conditions provided",
  },
  FORMAT,
  NO_TRUNC,
  QUIET,
];

/** `--format` and `--quiet`, as formatRows takes them. */
export function outputOptions({ flags }: ParsedLine): { format?: string; quiet: boolean } {
  const format = flags.last("format");
  return { quiet: flags.on("quiet"), ...(format !== undefined && { format }) };
}

/** The first twelve digits of an id, or all of it with its algorithm. */
export function shownId(id: string, full: boolean): string {
  if (full) return id;
  const start = id.startsWith("sha256:") ? 7 : 0;
  return id.slice(start, start + 12);
}
