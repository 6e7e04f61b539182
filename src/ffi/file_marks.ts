/**
 * Looking at the same file in each of thousands of folders whose names are ids. With texts and objects for each
 * it took longer than all the rest of `ps`.
 */
import { O, STATX_BASIC_STATS } from "./constants.ts";
import { address, raw, SyscallError } from "./libc.ts";
import { closeFile, openIfThere } from "./quick_files.ts";

/** Bytes of a folder's name: 64 hexadecimal digits. */
const ID = 64;
/** What a mark's 32-bit words are: the folder's name, then of the file its inode, time of change and size. */
export const MARK = {
  id: 0,
  inode: 16,
  seconds: 18,
  nanoseconds: 20,
  size: 21,
  words: 22,
} as const;

const WORD = 0x100000000;
/** Of struct statx, in 32-bit words. */
const STATX = { size: 10, inode: 8, seconds: 24, nanoseconds: 26, words: 64 } as const;
/** struct linux_dirent64 { u64 inode; s64 offset; u16 size; u8 type; char name[]; } */
const ENTRY = { size: 16, name: 19 } as const;

// Places in one piece of memory, so that names are copied without an object for each.
const LIST = 32768;
const PATH = LIST;
const STATUS = PATH + 256;
const ROOM = STATUS + STATX.words * 4;

/** What was found beneath a directory, which stays open until close(). */
export class FileMarks {
  /** The marks, one behind the other. */
  words = new Uint32Array(1024 * MARK.words);
  count = 0;
  /** Names of what has no such file, or is called otherwise. */
  readonly others: string[] = [];
  readonly #directory: number | undefined;
  readonly #room = new Uint8Array(ROOM);
  readonly #id = new Uint32Array(this.#room.buffer, PATH, ID / 4);
  readonly #status = new Uint32Array(this.#room.buffer, STATUS, STATX.words);
  readonly #at = address(this.#room);

  /**
   * Looks at every folder of a directory, which may be missing.
   * @param directory absolute @param file a short name in ASCII @throws SyscallError
   */
  constructor(directory: string, file: string) {
    new TextEncoder().encodeInto(`/${file}\0`, this.#room.subarray(PATH + ID, STATUS));
    this.#directory = openIfThere(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (this.#directory !== undefined) this.#list(this.#directory, directory);
  }

  close(): void {
    if (this.#directory !== undefined) closeFile(this.#directory);
  }

  /** The name of the folder. */
  id(mark: number): string {
    const { buffer } = this.words;
    return new TextDecoder().decode(new Uint8Array(buffer, mark * MARK.words * 4, ID));
  }

  /** When the file was changed, in milliseconds since 1970. */
  changed(mark: number): number {
    const word = (index: number) => this.words[mark * MARK.words + index] ?? 0;
    const seconds = word(MARK.seconds) + word(MARK.seconds + 1) * WORD;
    return seconds * 1000 + word(MARK.nanoseconds) / 1e6;
  }

  /** Whether the file still is what it was. */
  isAsBefore(mark: number): boolean {
    const at = mark * MARK.words;
    this.#id.set(this.words.subarray(at, at + MARK.inode));
    const before = this.words.slice(at, at + MARK.words);
    // Behind the last one, where the next mark would be.
    return this.#look(this.count) && isSameMark(this.words, this.count * MARK.words, before, 0);
  }

  #list(directory: number, path: string): void {
    for (;;) {
      const length = raw("getdents64", directory, this.#at, LIST);
      if (length < 0) throw new SyscallError(`list "${path}"`, "getdents64", -length);
      if (length === 0) return;
      this.#take(length);
    }
  }

  /** Looks at what the kernel has just listed. */
  #take(length: number): void {
    const room = this.#room;
    let at = 0;
    while (at < length) {
      const name = at + ENTRY.name;
      const end = room.indexOf(0, name);
      at += (room[at + ENTRY.size] ?? 0) + (room[at + ENTRY.size + 1] ?? 0) * 256;
      if (end - name === ID) {
        room.copyWithin(PATH, name, end);
        if (this.#look(this.count)) {
          this.count++;
          continue;
        }
      }
      const other = new TextDecoder().decode(room.subarray(name, end));
      if (other !== "." && other !== "..") this.others.push(other);
    }
  }

  /** Makes a mark of what PATH names; false when it is not there. */
  #look(mark: number): boolean {
    const [directory = -1, room] = [this.#directory, this.#at];
    const flags = STATX_BASIC_STATS;
    if (raw("statx", directory, room + PATH, 0, flags, room + STATUS) < 0) return false;
    const at = mark * MARK.words;
    if (at === this.words.length) this.#grow();
    const { words } = this;
    const status = this.#status;
    words.set(this.#id, at);
    words[at + MARK.inode] = status[STATX.inode] ?? 0;
    words[at + MARK.inode + 1] = status[STATX.inode + 1] ?? 0;
    words[at + MARK.seconds] = status[STATX.seconds] ?? 0;
    words[at + MARK.seconds + 1] = status[STATX.seconds + 1] ?? 0;
    words[at + MARK.nanoseconds] = status[STATX.nanoseconds] ?? 0;
    words[at + MARK.size] = status[STATX.size] ?? 0;
    return true;
  }

  #grow(): void {
    const larger = new Uint32Array(this.words.length * 2);
    larger.set(this.words);
    this.words = larger;
  }
}

/** Whether two marks, of which these are the first words, are of one file. */
export function isSameMark(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
  // From behind: what differs is the time, and seldom the name.
  for (let i = MARK.words - 1; i >= 0; i--) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}
