import { showLogs } from "../../engine/logs.ts";
import type { LogsOptions } from "../../engine/logs/options.ts";
import { timeFilter } from "../../engine/filters.ts";
import { readNanoTime } from "../../storage/log/time.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { OutputClosed } from "../writer.ts";

/** `tsbox logs`. */
export const command: Command = {
  grammar: {
    path: "logs",
    aliases: ["container logs", "logs"],
    summary: "Fetch the logs of a container",
    usage: "[OPTIONS] CONTAINER",
    args: { min: 1, max: 1 },
    flags: [
      { name: "details", help: "Show extra details provided to logs" },
      { name: "follow", short: "f", help: "Follow log output" },
      {
        name: "since",
        value: "string",
        help: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")',
      },
      {
        name: "tail",
        short: "n",
        value: "string",
        help: 'Number of lines to show from the end of the logs (default "all")',
      },
      { name: "timestamps", short: "t", help: "Show timestamps" },
      {
        name: "until",
        value: "string",
        help: 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")',
      },
    ],
  },
  run: async ({ flags, args: [name = ""] }, io, context) => {
    const options: LogsOptions = {
      follow: flags.on("follow"),
      timestamps: flags.on("timestamps"),
      details: flags.on("details"),
      since: logTime("since", flags.last("since")),
      until: logTime("until", flags.last("until")),
      tail: tailLines(flags.last("tail")),
      notice: (line) => io.err(`${line}\n`),
    };
    if (!await showLogs(context, name, options)) throw new OutputClosed();
    return 0;
  },
};

/** Nanoseconds since 1970; undefined for none and, as docker's, for 0. */
function logTime(flag: string, text: string | undefined): bigint | undefined {
  if (!text || text === "0") return undefined;
  const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (unix !== null) return BigInt(unix[1] ?? 0) * 1_000_000_000n + nanoseconds(unix[2]);
  const exact = readNanoTime(text);
  if (exact !== undefined) return exact;
  try {
    return BigInt(Math.round(timeFilter(text, Date.now()) * 1000)) * 1000n;
  } catch (error) {
    const hint = error instanceof TsboxError ? error.hint : undefined;
    throw new TsboxError("invalid-argument", `invalid value for "${flag}": "${text}" is no time`, {
      cause: error,
      ...(hint !== undefined && { hint }),
    });
  }
}

function nanoseconds(fraction = ""): bigint {
  return BigInt(fraction.padEnd(9, "0"));
}

/** Undefined: all of them. */
function tailLines(text = "all"): number | undefined {
  if (text === "all" || /^-\d+$/.test(text)) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TsboxError("invalid-argument", `invalid value for "tail": "${text}" is no number`, {
    hint: 'write a number of lines, or "all"',
  });
}
