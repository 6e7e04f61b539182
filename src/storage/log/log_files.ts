/**
 * The files of a log: `log/<number><extension>` in the container's directory, the largest number is written to.
 *
 * None is ever renamed but to its compressed form, so a reader that knows its number knows what comes next,
 * and there is no moment of a crash at which their order is not known.
 */
import { listDirectory } from "../../ffi/listing.ts";

/** One of them. */
export interface LogFileName {
  number: number;
  name: string;
  compressed: boolean;
}

const COMPRESSED = ".gz";

/** Where the files of a container's log are. */
export function logDirectory(containerDirectory: string): string {
  return `${containerDirectory}/log`;
}

/** What others read of a `json-file` log: absolute path of a link to its newest file. */
export function jsonLogPath(directory: string, id: string): string {
  return `${directory}/${id}-json.log`;
}

export function logFileName(number: number, extension: string): string {
  return `${number}${extension}`;
}

/** What a file is called when it is compressed. */
export function compressedName(name: string): string {
  return `${name}${COMPRESSED}`;
}

/** The files, oldest first; none when there is no directory. One that is there twice was not deleted after it was compressed. */
export function listLogFiles(directory: string, extension: string): LogFileName[] {
  const found = new Map<number, LogFileName>();
  for (const name of names(directory)) {
    const compressed = name.endsWith(COMPRESSED);
    const plain = compressed ? name.slice(0, -COMPRESSED.length) : name;
    if (!plain.endsWith(extension)) continue;
    const number = Number(plain.slice(0, -extension.length));
    if (!Number.isSafeInteger(number) || number < 1) continue;
    if (compressed && found.has(number)) continue;
    found.set(number, { number, name, compressed });
  }
  return [...found.values()].sort((a, b) => a.number - b.number);
}

/** Everything in the directory, what is half made too. */
export function names(directory: string): string[] {
  try {
    return listDirectory(directory).map(({ name }) => name);
  } catch {
    return [];
  }
}
