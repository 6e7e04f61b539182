/** What a container writes, put where its log driver says. */
import {
  DEFAULT_LOG,
  type LogChoice,
  type LogDriver,
  logLimits,
} from "../../container/log_options.ts";
import { logAttributes } from "../../container/log_tag.ts";
import { wallClock } from "../../ffi/clock.ts";
import { errnoName } from "../../ffi/errno.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";
import { JsonEncoder, jsonFormat } from "../../storage/log/json_format.ts";
import { LocalEncoder, localFormat, MAX_PIECE } from "../../storage/log/local_format.ts";
import { jsonLogPath, logDirectory } from "../../storage/log/log_files.ts";
import type { LogFormat } from "../../storage/log/piece.ts";
import { RotatingLog } from "../../storage/log/rotating_log.ts";
import { type ContainerLog, subjectOf } from "./container_log.ts";

/** Bytes at least, of one entry of a log whose files are smaller. */
const SMALL_PIECE = 4096;

/** The format of the files of a driver; undefined when it has none. */
export function formatOf(driver: LogDriver): LogFormat | undefined {
  if (driver === "local") return localFormat;
  return driver === "json-file" ? jsonFormat : undefined;
}

/** Opens the log of a container. @throws SyscallError, TsboxError "host" when there is no journal */
export async function openLog(
  directory: string,
  id: string,
  choice: LogChoice = DEFAULT_LOG,
): Promise<ContainerLog> {
  const format = formatOf(choice.driver);
  if (format !== undefined) return new FileLog(directory, id, choice, format);
  if (choice.driver === "none") return NOWHERE;
  const { openJournal } = await import("./journal.ts");
  return openJournal(choice);
}

const NOWHERE: ContainerLog = { begin() {}, write() {}, end() {}, close() {} };

/** One file system write for each piece that is read. A full disk does not stop the container. */
class FileLog implements ContainerLog {
  readonly #files: RotatingLog;
  readonly #encoder: LocalEncoder | JsonEncoder;
  readonly #choice: LogChoice;
  readonly #piece: number;
  /** Bytes of the log that could not be written, and why. */
  #lost = 0;
  #errno = 0;

  constructor(directory: string, id: string, choice: LogChoice, format: LogFormat) {
    const limits = logLimits(choice);
    const isJson = format === jsonFormat;
    this.#choice = choice;
    const piece = limits.maxSize < MAX_PIECE ? limits.maxSize : MAX_PIECE;
    this.#encoder = isJson ? new JsonEncoder(piece) : new LocalEncoder();
    this.#piece = piece < SMALL_PIECE ? SMALL_PIECE : piece;
    this.#files = new RotatingLog({
      ...limits,
      directory: logDirectory(directory),
      format,
      link: isJson ? jsonLogPath(directory, id) : undefined,
    });
  }

  begin(record: ContainerRecord): void {
    if (!(this.#encoder instanceof JsonEncoder)) return;
    this.#encoder.attributes = logAttributes(this.#choice.options, subjectOf(record));
  }

  write(kind: "stdout" | "stderr", bytes: Uint8Array): void {
    const time = wallClock();
    for (let at = 0; at < bytes.length; at += this.#piece) {
      const part = bytes.length <= this.#piece ? bytes : bytes.subarray(at, at + this.#piece);
      for (const entry of this.#encoder.encode(kind, part, time)) this.#append(entry, time);
    }
  }

  end(): void {
    if (this.#encoder instanceof JsonEncoder) {
      this.#append(this.#encoder.end(wallClock()), wallClock());
    }
  }

  close(): void {
    this.#files.close();
  }

  #append(entry: Uint8Array, time: bigint): void {
    if (entry.length === 0) return;
    // In their order, and in one piece: nothing is kept before it was said what is missing.
    const whole = this.#lost > 0 ? Buffer.concat([...this.#confession(time), entry]) : entry;
    const errno = this.#files.append(whole);
    if (errno !== 0) this.#errno = errno;
    this.#lost = errno === 0 ? 0 : this.#lost + entry.length;
  }

  /** What is not in the log. By an encoder of its own: it goes on with nobody's line. */
  #confession(time: bigint): Uint8Array[] {
    const text = `[tsbox: ${this.#lost} bytes of the log are missing here: ` +
      `they could not be written (${errnoName(this.#errno)})]\n`;
    const encoder = this.#encoder instanceof JsonEncoder
      ? new JsonEncoder(MAX_PIECE)
      : new LocalEncoder();
    return encoder.encode("stderr", new TextEncoder().encode(text), time);
  }
}
