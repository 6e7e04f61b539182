/** The HEALTHCHECK instruction. Pure. */
import { TsboxError } from "../errors.ts";
import { type Healthcheck, parseDuration } from "../oci/healthcheck.ts";
import { execForm } from "./exec_form.ts";

type Times = "Interval" | "Timeout" | "StartPeriod" | "StartInterval";

const TIMES: Readonly<Record<string, Times>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

/** Nanoseconds. */
const SHORTEST = 1e6;

/** @param text what follows the word @throws TsboxError "invalid-argument" in docker's words */
export function readHealthcheck(text: string): Healthcheck {
  const check: Healthcheck = { Test: [] };
  let rest = text;
  for (let flag = takeFlag(rest); flag !== undefined; flag = takeFlag(rest)) {
    setFlag(check, flag.name, flag.value);
    rest = flag.rest;
  }
  const [, kind = "", command = ""] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  if (kind.toUpperCase() === "NONE") return withoutCommand(check, command);
  if (kind.toUpperCase() !== "CMD") {
    throw invalid(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  }
  if (command === "") throw invalid("Missing command after HEALTHCHECK CMD");
  const words = execForm(command);
  return { ...check, Test: words === undefined ? ["CMD-SHELL", command] : ["CMD", ...words] };
}

function withoutCommand(check: Healthcheck, command: string): Healthcheck {
  if (command !== "" || Object.keys(check).length > 1) {
    throw invalid("HEALTHCHECK NONE takes no arguments");
  }
  return { Test: ["NONE"] };
}

function takeFlag(text: string): { name: string; value: string; rest: string } | undefined {
  const match = /^--([a-z-]+)(?:=(\S*))?(?:\s+(.*))?$/s.exec(text);
  if (match === null) return undefined;
  const [, name = "", value = "", rest = ""] = match;
  return { name, value, rest };
}

function setFlag(check: Healthcheck, name: string, value: string): void {
  const time = Object.hasOwn(TIMES, name) ? TIMES[name] : undefined;
  if (time !== undefined) check[time] = readDuration(name, value);
  else if (name !== "retries") throw invalid(`Unknown flag: ${name}`);
  else if (/^[0-9]{1,9}$/.test(value)) check.Retries = Number(value);
  else throw invalid(`--retries must be a whole number that is not negative (not ${value})`);
}

function readDuration(name: string, text: string): number {
  const time = parseDuration(text);
  if (time === undefined || time < 0) throw invalid(`--${name}: invalid duration "${text}"`);
  if (time !== 0 && time < SHORTEST) throw invalid(`Interval "${name}" cannot be less than 1ms`);
  return time;
}

function invalid(message: string): TsboxError {
  return new TsboxError("invalid-argument", message);
}
