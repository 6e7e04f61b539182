/**
 * Looking at the same file in each of thousands of folders whose names are ids. With texts and objects for each
 * it took longer than all the rest of `ps`: names stay where the kernel put them, and so does what it says of a file.
 */
import { O, STATX_BASIC_STATS } from "./constants.ts";
import { address, raw, SyscallError } from "./libc.ts";
import { closeFile, openIfThere } from "./quick_files.ts";

/** Bytes of a folder's name: 64 hexadecimal digits. */
const ID = 64;
/**
 * Words of the kernel's struct statx that are looked at, up to its time of change, and what lies between the beginnings
 * of two: what is behind them is covered by the next struct.
 */
export const MARK = {
  inode: 8,
  inodeHigh: 9,
  size: 10,
  seconds: 24,
  nanoseconds: 26,
  words: 28,
} as const;

const WORD = 0x100000000;
/** Words of a whole struct statx. */
const STATX = 64;
/** struct linux_dirent64 { u64 inode; s64 offset; u16 size; u8 type; char name[]; }, and the size of one with an id. */
const ENTRY = { size: 16, name: 19, withId: 88 } as const;
/** Bytes that are listed at once: more than a thousand folders. */
const LIST = 131072;
/** Of the file's name, with a slash and the end. */
const SUFFIX = 16;

/** What was found beneath a directory, which stays open until close(). */
export class FileMarks {
  /** The marks, one behind the other. */
  words = new Uint32Array(0);
  count = 0;
  /** Names of what has no such file, or is called otherwise. */
  readonly others: string[] = [];
  readonly #directory: number | undefined;
  /** What the kernel has listed, and the place of each mark's name in it. */
  readonly #lists: Uint8Array[] = [];
  readonly #names: number[] = [];
  readonly #suffix: Uint8Array;
  #address = 0;

  /**
   * Looks at every folder of a directory, which may be missing.
   * @param directory absolute @param file a name of at most 14 characters of ASCII @throws SyscallError
   */
  constructor(directory: string, file: string) {
    this.#suffix = new TextEncoder().encode(`/${file}\0`);
    this.#directory = openIfThere(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (this.#directory !== undefined) this.#list(this.#directory, directory);
  }

  close(): void {
    if (this.#directory !== undefined) closeFile(this.#directory);
  }

  /** The name of the folder. */
  id(mark: number): string {
    const [list, name] = this.#name(mark);
    return new TextDecoder().decode(list.subarray(name, name + ID));
  }

  /** When the file was changed, in milliseconds since 1970. */
  changed(mark: number): number {
    const word = (index: number) => this.words[mark * MARK.words + index] ?? 0;
    return word(MARK.seconds) * 1000 + word(MARK.seconds + 1) * 1000 * WORD +
      word(MARK.nanoseconds) / 1e6;
  }

  /** Whether the file still is what it was. */
  isAsBefore(mark: number): boolean {
    const [list, name] = this.#name(mark);
    // Behind the last one, where the next mark would be.
    this.#reserve(1);
    return this.#look(address(list) + name, this.count) &&
      isSameMark(this.words, this.count * MARK.words, this.words, mark * MARK.words);
  }

  #name(mark: number): [list: Uint8Array, at: number] {
    const place = this.#names[mark] ?? 0;
    return [this.#lists[Math.floor(place / LIST)] ?? this.#suffix, place % LIST];
  }

  #list(directory: number, path: string): void {
    for (;;) {
      const list = new Uint8Array(LIST + SUFFIX);
      const at = address(list);
      const length = raw("getdents64", directory, at, LIST);
      if (length < 0) throw new SyscallError(`list "${path}"`, "getdents64", -length);
      if (length === 0) return;
      this.#reserve(Math.ceil(length / ENTRY.withId));
      this.#take(list, at, length);
      this.#lists.push(list);
    }
  }

  /** Looks at what the kernel has just listed. */
  #take(list: Uint8Array, address: number, length: number): void {
    const [suffix, names, base] = [this.#suffix, this.#names, this.#lists.length * LIST];
    for (let at = 0; at < length;) {
      const name = at + ENTRY.name;
      const end = name + ID;
      const size = (list[at + ENTRY.size] ?? 0) + (list[at + ENTRY.size + 1] ?? 0) * 256;
      at += size;
      if (size === ENTRY.withId && list[end] === 0 && list[end - 1] !== 0) {
        // Over the first fields of the next entry, which nobody needs.
        list.set(suffix, end);
        if (this.#look(address + name, this.count)) {
          this.count++;
          names.push(base + name);
          continue;
        }
        list[end] = 0;
      }
      const other = new TextDecoder().decode(list.subarray(name, list.indexOf(0, name)));
      if (other !== "." && other !== "..") this.others.push(other);
    }
  }

  /** Makes a mark of what the text at `path` names; false when it is not there. */
  #look(path: number, mark: number): boolean {
    const to = this.#address + mark * MARK.words * 4;
    return raw("statx", this.#directory, path, 0, STATX_BASIC_STATS, to) >= 0;
  }

  /** Room for so many marks more, and the rest of the last one's struct. */
  #reserve(more: number): void {
    const needed = (this.count + more) * MARK.words + STATX;
    if (needed <= this.words.length) return;
    const larger = new Uint32Array(needed);
    larger.set(this.words);
    this.words = larger;
    this.#address = address(larger);
  }
}

/** Whether the marks that begin at these words are of one file that was not written between them. */
function isSameMark(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
  return a[atA + MARK.inode] === b[atB + MARK.inode] &&
    a[atA + MARK.nanoseconds] === b[atB + MARK.nanoseconds] &&
    a[atA + MARK.seconds] === b[atB + MARK.seconds] &&
    a[atA + MARK.size] === b[atB + MARK.size] &&
    a[atA + MARK.inodeHigh] === b[atB + MARK.inodeHigh];
}
