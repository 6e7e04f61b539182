/** Reading the event log, once or for as long as somebody listens. */
import { watch } from "node:fs";
import { O } from "../ffi/constants.ts";
import { address, raw } from "../ffi/libc.ts";
import { closeFile, ensureDirectory, openFileStatus, openIfThere } from "../ffi/quick_files.ts";
import { EVENT_FILES, eventFolder, type StoreEvent } from "./event_log.ts";

/** An event with its time, in microseconds since 1970. */
export type LoggedEvent = StoreEvent & { time: number };

const PIECE = 1 << 16;

/** Reads what is in both files, and what comes afterwards. To be closed. */
export class EventReader {
  readonly #folder: string;
  /** The current file last. */
  #files: OpenLog[] = [];
  #watcher: { close(): void } | undefined;

  constructor(dataRoot: string) {
    this.#folder = eventFolder(dataRoot);
    ensureDirectory(this.#folder, 0o700);
  }

  /** Calls `changed` whenever there may be more to read. To be called before the first read. */
  watch(changed: () => void): void {
    this.#watcher = watch(this.#folder, { persistent: true }, changed);
  }

  /** All that came since the last time, in order of time. */
  read(): LoggedEvent[] {
    const events: LoggedEvent[] = [];
    this.#open(EVENT_FILES.previous);
    this.#open(EVENT_FILES.current);
    // A file that was moved away may get a last line from who has it open.
    for (const file of this.#files) events.push(...file.read());
    for (const file of this.#files.splice(0, this.#files.length - 2)) file.close();
    return events.sort((a, b) => a.time - b.time);
  }

  close(): void {
    this.#watcher?.close();
    for (const file of this.#files.splice(0)) file.close();
  }

  #open(name: string): void {
    const fd = openIfThere(`${this.#folder}/${name}`, O.RDONLY);
    if (fd === undefined) return;
    const inode = openFileStatus(fd)?.inode;
    if (this.#files.some((file) => file.inode === inode)) return closeFile(fd);
    this.#files.push(new OpenLog(fd, inode));
  }
}

class OpenLog {
  readonly inode: number | undefined;
  readonly #fd: number;
  readonly #decoder = new TextDecoder();
  readonly #buffer = new Uint8Array(PIECE);
  #rest = "";

  constructor(fd: number, inode: number | undefined) {
    this.#fd = fd;
    this.inode = inode;
  }

  read(): LoggedEvent[] {
    const events: LoggedEvent[] = [];
    for (;;) {
      const count = raw("read", this.#fd, address(this.#buffer), PIECE);
      if (count <= 0) return events;
      const lines = (this.#rest + this.#decoder.decode(this.#buffer.subarray(0, count), {
        stream: true,
      })).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = parseEvent(line);
        if (event !== undefined) events.push(event);
      }
    }
  }

  close(): void {
    closeFile(this.#fd);
  }
}

/** Undefined for an empty line, and for one that a crash has cut. */
export function parseEvent(line: string): LoggedEvent | undefined {
  if (line === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** We alone write them: this is to tell a whole line from the rest of one. */
function isEvent(value: unknown): value is LoggedEvent {
  return typeof value === "object" && value !== null && "time" in value && "attributes" in value &&
    "type" in value && "action" in value && "id" in value;
}
