/** The log driver `journald`: systemd's native protocol, with docker's fields. */
import type { LogChoice } from "../../container/log_options.ts";
import { logAttributes, type LogSubject, renderTag } from "../../container/log_tag.ts";
import { datagramSocket, sendDatagram, unixAddress } from "../../ffi/datagram.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { closeFile, exists } from "../../ffi/quick_files.ts";
import { TsboxError } from "../../errors.ts";
import { type ContainerLog, subjectOf } from "./container_log.ts";

/** Where journald listens. */
const SOCKET = "/run/systemd/journal/socket";
const NEWLINE = 10;
/** Bytes of a message; longer lines are several, as docker cuts them. */
const MAX_MESSAGE = 16384;
/** Of syslog(3): what docker gives stderr, and stdout. */
const PRIORITY = { stdout: 6, stderr: 3 } as const;
/** Milliseconds between attempts while the journal has no room. */
const WAIT = 5;

/** What labels and variables cannot be called there: an entry has one message, and a field has a name. */
const OWN = /^(MESSAGE|PRIORITY|CONTAINER_PARTIAL_MESSAGE|\d.*|)$/;

type Stream = "stdout" | "stderr";

/**
 * Opens the journal.
 * @param socket in place of journald's
 * @throws TsboxError "host" when nobody listens there
 */
export function openJournal(choice: LogChoice, socket = SOCKET): ContainerLog {
  if (!exists(socket)) {
    throw new TsboxError("host", `Cannot log to the journal: there is no ${socket}`, {
      hint: "systemd-journald does not run here; choose another --log-driver",
    });
  }
  return new Journal(choice, socket);
}

class Journal implements ContainerLog {
  readonly #choice: LogChoice;
  readonly #address: Uint8Array;
  readonly #fd = datagramSocket();
  readonly #rest = { stdout: new Uint8Array(0), stderr: new Uint8Array(0) };
  #fields = new Uint8Array(0);

  constructor(choice: LogChoice, socket: string) {
    this.#choice = choice;
    this.#address = unixAddress(socket);
  }

  begin(record: Parameters<typeof subjectOf>[0]): void {
    this.#fields = journalFields(this.#choice, subjectOf(record));
  }

  async write(kind: Stream, bytes: Uint8Array): Promise<void> {
    const all = Buffer.concat([this.#rest[kind], bytes]);
    let at = 0;
    for (;;) {
      const newline = all.indexOf(NEWLINE, at);
      const isWhole = newline >= 0 && newline - at <= MAX_MESSAGE;
      if (!isWhole && all.length - at < MAX_MESSAGE) break;
      const end = isWhole ? newline : at + MAX_MESSAGE;
      await this.#send(kind, all.subarray(at, end), !isWhole);
      at = isWhole ? end + 1 : end;
    }
    this.#rest[kind] = new Uint8Array(all.subarray(at));
  }

  end(): void {
    for (const kind of ["stdout", "stderr"] as const) {
      const rest = this.#rest[kind];
      if (rest.length > 0) void this.#send(kind, rest, false);
      this.#rest[kind] = new Uint8Array(0);
    }
  }

  close(): void {
    closeFile(this.#fd);
  }

  /** Waits for room. While nobody listens, as when journald is started again, messages are lost, as docker's are. */
  async #send(kind: Stream, message: Uint8Array, isPart: boolean): Promise<void> {
    const entry = journalEntry(this.#fields, kind, message, isPart);
    while (sendDatagram(this.#fd, entry, this.#address) === ERRNO.EAGAIN) await Bun.sleep(WAIT);
  }
}

/** The fields that every message of a container has. Pure. */
export function journalFields(choice: LogChoice, subject: LogSubject): Uint8Array<ArrayBuffer> {
  const { tag: _, ...chosen } = logAttributes(choice.options, subject);
  const tag = renderTag(choice.options["tag"] || "{{.ID}}", subject);
  const fields = {
    ...Object.fromEntries(
      Object.entries(chosen).map(([key, text]) => [fieldName(key), text] as const)
        .filter(([name]) => !OWN.test(name)),
    ),
    CONTAINER_ID: subject.id.slice(0, 12),
    CONTAINER_ID_FULL: subject.id,
    CONTAINER_NAME: subject.name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: subject.imageName,
    SYSLOG_IDENTIFIER: tag,
  };
  return new Uint8Array(
    Buffer.concat(Object.entries(fields).map(([name, text]) => field(name, Buffer.from(text)))),
  );
}

/** As docker makes one of a label: capitals, digits and underscores, none of these at the beginning. */
function fieldName(key: string): string {
  return key.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_").replace(/^_+/, "");
}

/** One datagram. Pure. */
export function journalEntry(
  fields: Uint8Array,
  kind: Stream,
  message: Uint8Array,
  isPart: boolean,
): Uint8Array {
  const own = [
    field("PRIORITY", Buffer.from(String(PRIORITY[kind]))),
    ...(isPart ? [field("CONTAINER_PARTIAL_MESSAGE", Buffer.from("true"))] : []),
    field("MESSAGE", message),
  ];
  return Buffer.concat([fields, ...own]);
}

/** `NAME=value`, or with the value's length where it has lines. */
function field(name: string, value: Uint8Array): Uint8Array {
  if (!value.includes(NEWLINE)) return Buffer.concat([Buffer.from(`${name}=`), value, LINE_END]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, LINE_END]);
}

const LINE_END = Buffer.from("\n");
