/** What is in a directory, without node:fs (see quick_files.ts). */
import { O, S_IFDIR, S_IFMT } from "./constants.ts";
import { address, sys } from "./libc.ts";
import { closeFile, linkStatus, openFile } from "./quick_files.ts";

/** A name in a directory. */
export interface ListedName {
  name: string;
  /** Itself, not by a link. */
  isDirectory: boolean;
}

const BUFFER_SIZE = 32768;
let buffer: Uint8Array | undefined;
let decoder: TextDecoder | undefined;
// struct linux_dirent64 { u64 inode; s64 offset; u16 size; u8 type; char name[]; }
const SIZE = 16;
const TYPE = 18;
const NAME = 19;
const DT_UNKNOWN = 0;
const DT_DIR = 4;

/**
 * The names in a directory, without "." and "..".
 * @throws SyscallError, TypeError for a name that is not UTF-8
 */
export function listDirectory(path: string): ListedName[] {
  const fd = openFile(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  // One for all listings: the names are copied out before anybody else can begin.
  buffer ??= new Uint8Array(BUFFER_SIZE);
  decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const found: ListedName[] = [];
  try {
    for (;;) {
      const length = sys(`list "${path}"`, "getdents64", fd, address(buffer), BUFFER_SIZE);
      if (length === 0) return found;
      for (
        let at = 0;
        at < length;
        at += (buffer[at + SIZE] ?? 0) + (buffer[at + SIZE + 1] ?? 0) * 256
      ) {
        const name = decoder.decode(buffer.subarray(at + NAME, buffer.indexOf(0, at + NAME)));
        if (name === "." || name === "..") continue;
        found.push({ name, isDirectory: isDirectory(`${path}/${name}`, buffer[at + TYPE]) });
      }
    }
  } finally {
    closeFile(fd);
  }
}

/** Whether a directory, itself and not by a link, has no names in it. @throws as {@link listDirectory} */
export function isEmptyDirectory(path: string): boolean {
  return listDirectory(path).length === 0;
}

/** Some file systems tell no types here. */
function isDirectory(path: string, type: number = DT_UNKNOWN): boolean {
  if (type !== DT_UNKNOWN) return type === DT_DIR;
  return ((linkStatus(path)?.mode ?? 0) & S_IFMT) === S_IFDIR;
}
