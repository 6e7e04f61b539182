/** The flags about health checks. */
import { type Healthcheck, parseDuration } from "../../oci/healthcheck.ts";
import { TsboxError } from "../../errors.ts";
import type { ParsedLine } from "../parse.ts";

type Refuse = (name: string, value: string, reason: string) => Error;

const TIMES = {
  "health-interval": "Interval",
  "health-timeout": "Timeout",
  "health-start-period": "StartPeriod",
  "health-start-interval": "StartInterval",
} as const;
/** Nanoseconds. */
const SHORTEST = 1e6;

/** What the flags say; undefined: nothing. @throws UsageError or TsboxError in docker's words */
export function parseHealth(line: ParsedLine, refuse: Refuse): Healthcheck | undefined {
  const { flags } = line;
  const check: Healthcheck = { Test: command(flags.last("health-cmd")) };
  for (
    const name of [
      "health-interval",
      "health-timeout",
      "health-start-period",
      "health-start-interval",
    ] as const
  ) {
    const text = flags.last(name);
    if (text !== undefined) check[TIMES[name]] = time(name, text, refuse);
  }
  const retries = flags.last("health-retries");
  if (retries !== undefined) check.Retries = count(retries, refuse);
  const given = check.Test.length > 0 || Object.values(check).some((value) => Number(value) > 0);
  if (!flags.on("no-healthcheck")) return given ? check : undefined;
  if (!given) return { Test: ["NONE"] };
  throw new TsboxError("conflict", "--no-healthcheck conflicts with --health-* options");
}

function command(text: string | undefined): string[] {
  return text ? ["CMD-SHELL", text] : [];
}

function time(name: keyof typeof TIMES, text: string, refuse: Refuse): number {
  const value = parseDuration(text);
  if (value === undefined) throw refuse(name, text, `time: invalid duration "${text}"`);
  if (value < 0) throw new TsboxError("invalid-argument", `--${name} cannot be negative`);
  if (value === 0 || value >= SHORTEST) return value;
  throw new TsboxError("invalid-argument", `${TIMES[name]} in Healthcheck cannot be less than 1ms`);
}

function count(text: string, refuse: Refuse): number {
  if (!/^[+-]?\d{1,9}$/.test(text)) {
    throw refuse("health-retries", text, `strconv.ParseInt: parsing "${text}": invalid syntax`);
  }
  if (Number(text) >= 0) return Number(text);
  throw new TsboxError("invalid-argument", "--health-retries cannot be negative");
}
