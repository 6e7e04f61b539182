/** Writing a log into files of bounded size and number. Only the holder of the container's lock does. */
import { O } from "../../ffi/constants.ts";
import { setLength } from "../../ffi/file_content.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { address, raw } from "../../ffi/libc.ts";
import {
  closeFile,
  ensureDirectory,
  makeLink,
  openFile,
  openFileStatus,
  rename,
  unlink,
} from "../../ffi/quick_files.ts";
import type { LogLimits } from "../../container/log_options.ts";
import { compressedName, listLogFiles, logFileName, names } from "./log_files.ts";
import type { LogFormat } from "./piece.ts";

/** What is written, and how much of it is kept. */
export interface RotatingLogOptions extends LogLimits {
  /** Absolute; made when missing. */
  directory: string;
  format: LogFormat;
  /** A symbolic link beside the directory that leads to the newest file, for others who read it. */
  link?: string | undefined;
}

/** Milliseconds that a full file is left alone: of a container that writes much it is soon deleted anyway. */
const SETTLED = 10_000;

export class RotatingLog {
  readonly #options: RotatingLogOptions;
  #fd = -1;
  #number = 0;
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  /** Goes on with the newest file, without what a killed writer left half written. @throws SyscallError */
  constructor(options: RotatingLogOptions) {
    this.#options = options;
    if (ensureDirectory(options.directory, 0o700)) this.#open(1);
    else this.#goOn();
  }

  /** With what an earlier life has left. */
  #goOn(): void {
    const { directory, format } = this.#options;
    for (const name of names(directory)) {
      if (name.endsWith(".tmp")) removeIfThere(`${directory}/${name}`);
    }
    const newest = listLogFiles(directory, format.extension).at(-1);
    this.#open(newest === undefined ? 1 : newest.number + (newest.compressed ? 1 : 0));
    const end = format.validEnd(this.#fd, this.#size);
    if (end < this.#size && setLength(this.#fd, end) === 0) this.#size = end;
    this.#removeOld();
    if (this.#number > 1) this.#compressLater();
  }

  /** Appends whole entries, or nothing. Returns 0 or the errno. */
  append(bytes: Uint8Array): number {
    const { maxSize } = this.#options;
    if (this.#size > 0 && this.#size + bytes.length > maxSize) this.#rotate();
    const start = address(bytes);
    for (let done = 0; done < bytes.length;) {
      const count = raw("write", this.#fd, start + done, bytes.length - done);
      if (count === -ERRNO.EINTR) continue;
      if (count <= 0) {
        setLength(this.#fd, this.#size);
        return count === 0 ? ERRNO.EIO : -count;
      }
      done += count;
    }
    this.#size += bytes.length;
    return 0;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
    closeFile(this.#fd);
  }

  #open(number: number): void {
    const { directory, format: { extension }, link } = this.#options;
    const name = logFileName(number, extension);
    const fd = openFile(`${directory}/${name}`, O.RDWR | O.CREAT | O.APPEND, 0o600);
    if (this.#fd >= 0) closeFile(this.#fd);
    this.#fd = fd;
    this.#number = number;
    this.#size = openFileStatus(fd)?.size ?? 0;
    if (link !== undefined) pointTo(link, `${directory.slice(link.lastIndexOf("/") + 1)}/${name}`);
  }

  /** Where no new file can be made the log goes on in the one it has. */
  #rotate(): void {
    try {
      this.#open(this.#number + 1);
    } catch {
      return;
    }
    this.#removeOld();
    this.#compressLater();
  }

  #removeOld(): void {
    const { directory, format: { extension }, maxFile } = this.#options;
    for (const name of names(directory)) {
      const isOld = (parseInt(name) || 0) <= this.#number - maxFile;
      if (isOld) removeIfThere(`${directory}/${name}`);
      // It was compressed, and its writer killed before it deleted this.
      else if (name.endsWith(".gz")) {
        const plain = name.slice(0, -compressedName("").length);
        if (plain !== logFileName(this.#number, extension)) {
          removeIfThere(`${directory}/${plain}`);
        }
      }
    }
  }

  #compressLater(): void {
    if (!this.#options.compress) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#compress(), SETTLED);
    this.#timer.unref();
  }

  async #compress(): Promise<void> {
    const { compressLogFiles } = await import("./compress_log.ts");
    const { directory, format: { extension } } = this.#options;
    await compressLogFiles(directory, extension, this.#closing.signal);
  }
}

function pointTo(link: string, target: string): void {
  const temporary = `${link}.new`;
  try {
    removeIfThere(temporary);
    makeLink(target, temporary);
    rename(temporary, link);
  } catch {
    // It is for others; our own readers do without.
  }
}

function removeIfThere(path: string): void {
  try {
    unlink(path);
  } catch {
    // It is gone.
  }
}
