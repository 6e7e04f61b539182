import type { RunOptions } from "../../container/run_options.ts";
import { TsboxError } from "../../errors.ts";

function notYet(flag: string, value: string, choices: string): TsboxError {
  return new TsboxError("unsupported", `--${flag} ${value} is not supported by tsbox yet`, {
    hint: `use ${choices}`,
  });
}

/** `--network`. */
export function parseNetwork(values: readonly string[]): RunOptions["network"] {
  const [value = "private", second] = values;
  if (second !== undefined) throw notYet("network", values.join(" --network "), "one network");
  if (value === "") throw new TsboxError("invalid-argument", "no name set for network");
  if (value === "private" || value === "host" || value === "none") return value;
  throw notYet("network", value, "private, host or none");
}

/** `--pid`. */
export function parsePid(value = ""): RunOptions["pid"] {
  if (value === "" || value === "private") return "private";
  if (value === "host") return "host";
  if (value.startsWith("container:")) throw notYet("pid", value, "host");
  throw new TsboxError("invalid-argument", "--pid: invalid PID mode");
}

/** `--ipc`. */
export function parseIpc(value = ""): RunOptions["ipc"] {
  if (value === "" || value === "private") return "private";
  if (value === "host") return "host";
  if (value === "none" || value === "shareable" || value.startsWith("container:")) {
    throw notYet("ipc", value, "private or host");
  }
  throw new TsboxError("invalid-argument", `--ipc: invalid IPC mode: ${value}`);
}

/** `--userns`. */
export function parseUserns(value = ""): RunOptions["userns"] {
  if (value === "" || value === "auto") return "auto";
  if (value === "single") return "single";
  if (value === "host") {
    throw new TsboxError("unsupported", "--userns host is not possible without root", {
      hint: "use auto, or single for the caller's id alone",
    });
  }
  throw new TsboxError("invalid-argument", "--userns: invalid USER mode");
}

/** `--pull`. */
export function parsePull(value = ""): RunOptions["pull"] {
  if (value === "") return "missing";
  if (value === "always" || value === "missing" || value === "never") return value;
  throw new TsboxError(
    "invalid-argument",
    `invalid pull option: '${value}': must be one of "always", "missing" or "never"`,
  );
}
