/** Values as Go prints them, which is what docker's templates show. */
import { TsboxError } from "../../errors.ts";

/** Something with named members: never an array. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members a template can see, in Go's order for maps. */
export function entriesOf(map: Record<string, unknown>): [string, unknown][] {
  return Object.entries(map).sort(([a], [b]) => a < b ? -1 : 1);
}

/** `{{ . }}`: `[a b]` for lists, `map[k:v]` for objects. */
export function goText(value: unknown): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (isMap(value)) {
    return `map[${entriesOf(value).map(([k, v]) => `${k}:${goText(v)}`).join(" ")}]`;
  }
  return String(value);
}

/** Go's Print: a blank between two values neither of which is a string. */
export function goPrint(values: readonly unknown[]): string {
  return values.map((value, i) => {
    const gap = i > 0 && typeof value !== "string" && typeof values[i - 1] !== "string";
    return (gap ? " " : "") + goText(value);
  }).join("");
}

const VERB = /%(?:%|([-+0# ]*)(\d*)(?:\.(\d+))?([a-zA-Z]))/g;

/** Go's Printf, as far as templates use it. Throws TsboxError for a verb it does not know. */
export function goPrintf(format: string, values: readonly unknown[]): string {
  let next = 0;
  const text = format.replace(VERB, (whole, flags: string, width: string, precision, verb) => {
    if (whole === "%%") return "%";
    if (next >= values.length) return `%!${verb}(MISSING)`;
    const body = verbText(verb, values[next++], precision);
    if (flags.includes("-")) return body.padEnd(Number(width));
    return body.padStart(Number(width), flags.includes("0") && verb !== "s" ? "0" : " ");
  });
  const extra = values.slice(next).map((value) => `${typeof value}=${goText(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(", ")})`;
}

function verbText(verb: string, value: unknown, precision: string | undefined): string {
  switch (verb) {
    case "s":
    case "v":
      return precision === undefined ? goText(value) : goText(value).slice(0, Number(precision));
    case "d":
      return goText(value);
    case "t":
      return goText(value);
    case "q":
      return JSON.stringify(goText(value));
    case "f":
      return Number(value).toFixed(precision === undefined ? 6 : Number(precision));
    case "x":
      return typeof value === "number"
        ? value.toString(16)
        : Buffer.from(goText(value)).toString("hex");
    default:
      throw new TsboxError("unsupported", `Cannot print with "%${verb}": tsbox does not know it`, {
        hint: "use %s, %v, %d, %t, %q, %f or %x",
      });
  }
}
