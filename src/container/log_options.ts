/** Where a container's output is kept: `--log-driver` and `--log-opt`, as docker's drivers understand them. Pure. */
import { TsboxError } from "../errors.ts";
import { checkTag } from "./log_tag.ts";
import { parseSize } from "./size.ts";

/** What tsbox has of docker's log drivers. */
export type LogDriver = "local" | "json-file" | "none" | "journald";

/** A driver and its options as they were given, checked. */
export interface LogChoice {
  driver: LogDriver;
  options: Readonly<Record<string, string>>;
}

/** What bounds the files of a log. */
export interface LogLimits {
  /** Bytes of one file; Infinity never begins a new one. */
  maxSize: number;
  /** How many files are kept. */
  maxFile: number;
  /** Whether those before the newest become gzip. */
  compress: boolean;
}

export const DEFAULT_LOG: LogChoice = { driver: "local", options: {} };

const FILES = ["compress", "max-file", "max-size"];
const ATTRIBUTES = ["env", "env-regex", "labels", "labels-regex", "tag"];
const OPTIONS: Readonly<Record<LogDriver, readonly string[]>> = {
  "local": FILES,
  "json-file": [...ATTRIBUTES, ...FILES],
  "none": [],
  "journald": ATTRIBUTES,
};
const DOCKER_ONLY = ["awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "splunk", "syslog"];

/** Docker's defaults of its driver `local`. */
const LOCAL: LogLimits = { maxSize: 20 * 1024 ** 2, maxFile: 5, compress: true };
const JSON_FILE: LogLimits = { maxSize: Infinity, maxFile: 1, compress: false };

/** Whether a word is the name of a driver. */
export function isLogDriver(word: string): word is LogDriver {
  return Object.hasOwn(OPTIONS, word);
}

/**
 * Reads the flags. Options of the settings count where the driver is that of the settings.
 * @param words of `--log-opt`: `key=value`
 * @throws TsboxError "invalid-argument"; "unsupported" for what docker has and tsbox has not
 */
export function parseLog(
  driver: string | undefined,
  words: readonly string[],
  byDefault: LogChoice,
): LogChoice {
  const name = driver === undefined || driver === "" ? byDefault.driver : knownDriver(driver);
  const options: Record<string, string> = name === byDefault.driver ? { ...byDefault.options } : {};
  for (const word of words) {
    const equals = word.indexOf("=");
    // Docker's reading of a word without a value.
    options[equals < 0 ? word : word.slice(0, equals)] = equals < 0 ? "" : word.slice(equals + 1);
  }
  return checkLog({ driver: name, options });
}

/** @throws TsboxError as {@link parseLog} */
export function checkLog(choice: LogChoice): LogChoice {
  const { driver, options } = choice;
  if (driver === "none" && Object.keys(options).length > 0) {
    throw new TsboxError("invalid-argument", "invalid logging opts for driver none");
  }
  for (const [key, value] of Object.entries(options)) checkOption(driver, key, value);
  const { maxSize, maxFile, compress } = logLimits(choice);
  const pointless = maxFile < 2 || maxSize === Infinity;
  if (compress && options["compress"] !== undefined && pointless) {
    throw new TsboxError(
      "invalid-argument",
      "compress cannot be true when max-file is less than 2 or max-size is not set",
    );
  }
  return choice;
}

function knownDriver(name: string): LogDriver {
  if (isLogDriver(name)) return name;
  const hint = `there are ${Object.keys(OPTIONS).join(", ")}`;
  if (DOCKER_ONLY.includes(name)) {
    throw new TsboxError("unsupported", `--log-driver ${name} is not supported by tsbox`, { hint });
  }
  throw new TsboxError(
    "invalid-argument",
    `logger: no log driver named '${name}' is registered`,
    { hint },
  );
}

function checkOption(driver: LogDriver, key: string, value: string): void {
  const wrong = (expected: string) =>
    new TsboxError("invalid-argument", `Cannot use the log opt ${key}=${value}: not ${expected}`);
  if (key === "mode") return checkMode(value, wrong);
  if (key === "max-buffer-size") throw notBlocking(key);
  if (!OPTIONS[driver].includes(key)) {
    throw new TsboxError(
      "invalid-argument",
      `unknown log opt '${key}' for ${driver} log driver`,
      { hint: `there are ${["mode", ...OPTIONS[driver]].join(", ")}` },
    );
  }
  if (key === "max-size" && readSize(value) === undefined) throw wrong("a size such as 10m");
  if (key === "max-file" && !/^[1-9]\d{0,5}$/.test(value)) throw wrong("a number of at least 1");
  if (key === "compress" && readBoolean(value) === undefined) throw wrong("true or false");
  if (key.endsWith("-regex") && !isPattern(value)) throw wrong("a regular expression");
  if (key === "tag") checkTag(value);
}

function checkMode(value: string, wrong: (expected: string) => Error): void {
  if (value === "non-blocking") throw notBlocking(`mode=${value}`);
  if (value !== "blocking" && value !== "") throw wrong("blocking");
}

function notBlocking(what: string): TsboxError {
  return new TsboxError("unsupported", `--log-opt ${what} is not supported by tsbox`, {
    hint: "a container that writes faster than its log waits",
  });
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) !== undefined;
  } catch {
    return false;
  }
}

/** Bytes; Infinity for docker's -1. */
function readSize(text: string): number | undefined {
  if (text === "-1") return Infinity;
  const bytes = parseSize(text);
  return bytes !== undefined && bytes > 0 ? bytes : undefined;
}

function readBoolean(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : undefined;
}

/** The bounds of a log in files, the driver's defaults filled in. */
export function logLimits({ driver, options }: LogChoice): LogLimits {
  const base = driver === "local" ? LOCAL : JSON_FILE;
  const { "max-size": size = "", "max-file": file = "", compress = "" } = options;
  if (size === "" && file === "" && compress === "") return base;
  return {
    maxSize: readSize(size) ?? base.maxSize,
    maxFile: file === "" ? base.maxFile : Number(file),
    compress: readBoolean(compress) ?? base.compress,
  };
}
