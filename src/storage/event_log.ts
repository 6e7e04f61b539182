/**
 * What happened in the store, in `events/`: lines of JSON that whoever does something appends, each time by one
 * write(2), which nobody else's comes between. Every run comes by: nothing of Node's is loaded for it.
 */
import { O } from "../ffi/constants.ts";
import { wallMicroseconds } from "../ffi/clock.ts";
import { ERRNO } from "../ffi/errno.ts";
import { flock } from "../ffi/flock.ts";
import { address, raw } from "../ffi/libc.ts";
import {
  closeFile,
  fileStatus,
  isErrno,
  makeDirectory,
  openFile,
  openFileStatus,
  rename,
} from "../ffi/quick_files.ts";

/** Something that happened. */
export interface StoreEvent {
  type: "container" | "image" | "volume";
  /** Docker's word: `start`, `health_status: healthy`. */
  action: string;
  /** Whose it is: an id or a name. */
  id: string;
  attributes: Readonly<Record<string, string>>;
}

/** The file that is written now, and the one before it. */
export const EVENT_FILES = { current: "current", previous: "previous" } as const;
/** Bytes of a file after which the next one is begun. */
export const MAX_EVENT_FILE = 1 << 20;
/** Bytes of a line: an image may have any number of labels. */
const MAX_LINE = 1 << 16;

/** Absolute path of the folder. */
export function eventFolder(dataRoot: string): string {
  return `${dataRoot}/events`;
}

/** Writes down what has just happened, in this order. What cannot be written down has happened all the same. */
export function logEvents(dataRoot: string, events: readonly StoreEvent[]): void {
  logLines(dataRoot, eventLines(events));
}

/** The same for lines that {@link eventLines} has made a moment ago. */
export function logLines(dataRoot: string, lines: string): void {
  try {
    append(eventFolder(dataRoot), lines);
  } catch {
    // The disk is full, or the store cannot be written.
  }
}

/** As they are in the file. Empty lines around them: a line that a crash has cut harms no other. @param now microseconds */
export function eventLines(
  events: readonly StoreEvent[],
  now: number = wallMicroseconds(),
): string {
  let time = now;
  let text = "\n";
  for (const event of events) {
    const line = JSON.stringify({ time, ...event });
    text += line.length <= MAX_LINE ? line : JSON.stringify({ time, ...event, attributes: {} });
    text += "\n";
    time++;
  }
  return text;
}

function append(folder: string, text: string): void {
  const fd = openCurrent(folder);
  try {
    const bytes = new TextEncoder().encode(text);
    raw("write", fd, address(bytes), bytes.length);
    if ((openFileStatus(fd)?.size ?? 0) > MAX_EVENT_FILE) rotate(folder, fd);
  } finally {
    closeFile(fd);
  }
}

function openCurrent(folder: string): number {
  const [path, flags] = [`${folder}/${EVENT_FILES.current}`, O.WRONLY | O.CREAT | O.APPEND];
  try {
    return openFile(path, flags, 0o600);
  } catch (thrown) {
    if (!isErrno(thrown, ERRNO.ENOENT)) throw thrown;
  }
  try {
    makeDirectory(folder, 0o700);
  } catch (thrown) {
    if (!isErrno(thrown, ERRNO.EEXIST)) throw thrown;
  }
  return openFile(path, flags, 0o600);
}

/** Only who holds the lock of the file that is the current one may move it. */
function rotate(folder: string, fd: number): void {
  if (!flock(fd, "exclusive", false)) return;
  const current = `${folder}/${EVENT_FILES.current}`;
  if (fileStatus(current)?.inode !== openFileStatus(fd)?.inode) return;
  rename(current, `${folder}/${EVENT_FILES.previous}`);
}
