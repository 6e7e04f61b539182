/** `logs`: what a container has written, and what it goes on to write. */
import { DEFAULT_LOG } from "../container/log_options.ts";
import { exists } from "../ffi/quick_files.ts";
import { type StoredContainer } from "../storage/containers.ts";
import { findContainer } from "../storage/find_container.ts";
import { logDirectory } from "../storage/log/log_files.ts";
import type { LogFormat } from "../storage/log/piece.ts";
import { readLog } from "../storage/log/read_log.ts";
import { tailOf } from "../storage/log/tail_log.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { followLog } from "./logs/follow.ts";
import type { LogsOptions } from "./logs/options.ts";
import { LogPrinter } from "./logs/printer.ts";
import { formatOf } from "./monitor/log.ts";

/**
 * Writes a container's log to standard output and standard error.
 * @returns false when nobody reads it any more
 * @throws TsboxError "not-found"; "unsupported" when nothing is kept of its output
 */
export async function showLogs(
  context: EngineContext,
  text: string,
  options: LogsOptions,
): Promise<boolean> {
  const container = findContainer(context.dataRoot, text);
  const { driver } = container.record.options.log ?? DEFAULT_LOG;
  if (driver === "none") {
    throw new TsboxError("unsupported", "configured logging driver does not support reading");
  }
  const format = formatOf(driver);
  if (format !== undefined) return await showFiles(container, format, text, options);
  const { showJournal } = await import("./logs/journal.ts");
  return await showJournal(container, options, context);
}

async function showFiles(
  { record, directory: container }: StoredContainer,
  format: LogFormat,
  text: string,
  options: LogsOptions,
): Promise<boolean> {
  const directory = logDirectory(container);
  if (!exists(directory)) {
    if (record.state.status === "created") return true;
    throw notKept(text);
  }
  const { follow, tail, until, notice } = options;
  const following = follow ? await followLog(container, directory, until) : undefined;
  try {
    const from = tail === undefined
      ? { number: 0, offset: 0, skip: 0 }
      : await tailOf(directory, format, tail);
    const printer = new LogPrinter(options, from.skip, format.wholeMessages);
    const more = following?.more;
    const missed = (what: string) => notice(`tsbox: warning: ${what}`);
    for await (
      const pieces of readLog({ directory, format, start: from, missed, ...(more && { more }) })
    ) {
      if (!await printer.print(pieces)) return printer.isOpen;
    }
    return await printer.end();
  } finally {
    following?.stop();
  }
}

function notKept(text: string): TsboxError {
  return new TsboxError(
    "unsupported",
    `Cannot show the logs of container ${text}: its output goes to the 'tsbox run --rm' that started it`,
    { hint: "start it with -d, with -t, without --rm or with --log-driver" },
  );
}
