import { TsboxError } from "../errors.ts";

/** `--filter key=value` by key; several values of a key are alternatives, of `label` they all count. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/**
 * Reads `--filter` values. Throws TsboxError: "invalid-argument" where there is no `=` or no such
 * filter, "unsupported" for one that docker has and tsbox has not.
 */
export function parseFilters(
  specs: readonly string[],
  known: readonly string[],
  dockerOnly: readonly string[] = [],
): Filters {
  const filters = new Map<string, string[]>();
  for (const spec of specs) {
    const equals = spec.indexOf("=");
    if (equals < 0) {
      throw new TsboxError(
        "invalid-argument",
        `invalid argument "${spec}" for "-f, --filter" flag`,
        {
          hint: "write key=value",
        },
      );
    }
    const key = spec.slice(0, equals).trim().toLowerCase();
    check(key, known, dockerOnly);
    filters.set(key, [...(filters.get(key) ?? []), spec.slice(equals + 1).trim()]);
  }
  return filters;
}

function check(key: string, known: readonly string[], dockerOnly: readonly string[]): void {
  if (known.includes(key)) return;
  const hint = `there are ${known.join(", ")}`;
  if (dockerOnly.includes(key)) {
    throw new TsboxError("unsupported", `--filter ${key} is not supported by tsbox yet`, { hint });
  }
  throw new TsboxError("invalid-argument", `invalid filter '${key}'`, { hint });
}

/** Whether one of the values of `key` fits; true when the filter was not given. */
export function passes(filters: Filters, key: string, fits: (value: string) => boolean): boolean {
  const values = filters.get(key);
  return values === undefined || values.some(fits);
}

/** `label=key` and `label=key=value`, all of which must fit. */
export function hasLabels(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  return (filters.get("label") ?? []).every((wanted) => {
    const equals = wanted.indexOf("=");
    const key = equals < 0 ? wanted : wanted.slice(0, equals);
    if (!Object.hasOwn(labels, key)) return false;
    return equals < 0 || labels[key] === wanted.slice(equals + 1);
  });
}

/** Whether no `label!=key` and `label!=key=value` fits: what such a filter wants. */
export function lacksLabels(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  return (filters.get("label!") ?? []).every((unwanted) =>
    !hasLabels(new Map([["label", [unwanted]]]), labels)
  );
}

/** The words Go reads as a boolean. Throws TsboxError("invalid-argument"). */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const value = filters.get(key)?.at(-1);
  if (value === undefined) return undefined;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new TsboxError("invalid-argument", `invalid filter '${key}=${value}'`, {
    hint: "it is true or false",
  });
}

/**
 * A point in time as docker's filters take it: RFC 3339 or the beginning of it down to a date, Unix seconds, or a
 * duration before now such as `1h30m`. Milliseconds since the epoch. Throws TsboxError("invalid-argument").
 */
export function timeFilter(value: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  if (/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(value)) {
    const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
    return now -
      parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (units[unit] ?? 0), 0);
  }
  const time = pointInTime(value);
  if (!Number.isNaN(time)) return time;
  throw new TsboxError("invalid-argument", `Cannot read "${value}" as a time`, {
    hint: "write 2024-01-31, 2024-01-31T12:00:00Z, Unix seconds or a duration such as 10m",
  });
}

/** NaN for what is none. Without a zone it is this machine's time, also of a date alone, which JavaScript takes for UTC. */
function pointInTime(text: string): number {
  const [, date, hour = "00", minute = "00", second = "00", fraction = "", zone = ""] =
    /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(\.\d+)?)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(
      text,
    ) ?? [];
  return date === undefined
    ? NaN
    : Date.parse(`${date}T${hour}:${minute}:${second}${fraction.slice(0, 4)}${zone}`);
}
