/**
 * Memory for syscall programs: bytes whose address never changes.
 *
 * Small typed arrays move and may be collected (bun-facts K1); what a child process reads after we
 * returned to JavaScript must not. An arena is either live (mapped, used in this process) or an image
 * (bytes that will stand at a chosen address in another program, see elf.ts).
 */
import { TsboxError } from "../errors.ts";
import { raw, refuseNul, sys, view } from "./libc.ts";

const PROT_READ_WRITE = 3;
const MADV_DONTNEED = 4;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MAP_FIXED_NOREPLACE = 0x100000;

/** The size of a live arena: thousands of calls and their texts. */
const CAPACITY = 1 << 20;

/** What an image starts with; it grows as it is filled. */
const IMAGE_CAPACITY = 32 << 10;
const MAX_IMAGE_CAPACITY = 4 << 20;
const WORD = 0x100000000;

const encoder = new TextEncoder();

/**
 * Address of `size` zero bytes for a program to write to, kept for the life of the process. JavaScript sees
 * them by {@link view} only when it looks: what it sees counts as its memory, and makes it collect garbage.
 */
export function mapMemory(size: number): number {
  const flags = MAP_PRIVATE_ANONYMOUS_NORESERVE;
  return sys("map memory", "mmap", 0, size, PROT_READ_WRITE, flags, -1, 0);
}

/** The same at an address, a multiple of the page size, if nothing is there; elsewhere if something is. */
function mapMemoryAt(address: number, size: number): number {
  const flags = MAP_PRIVATE_ANONYMOUS_NORESERVE | MAP_FIXED_NOREPLACE;
  // Kernels before 4.17 take the address for a wish.
  const at = raw("mmap", address, size, PROT_READ_WRITE, flags, -1, 0);
  return at < 0 ? mapMemory(size) : at;
}

/** Grow-only memory with stable addresses. */
export class Arena {
  /** Address of the first byte. */
  readonly base: number;
  /** Bytes that are mapped; 0: it is an image. */
  readonly #mapped: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #words: Uint32Array;
  readonly #texts = new Map<string, number>();
  #used = 0;
  #outside = CAPACITY;

  private constructor(base: number, bytes: Uint8Array<ArrayBuffer>, mapped: number) {
    this.base = base;
    this.#mapped = mapped;
    this.#bytes = bytes;
    this.#words = wordsOf(bytes);
  }

  /**
   * Memory of this process; pages cost nothing until they are written.
   * @param capacity bytes, whole pages; whoever makes many asks for few, since all of them count as JavaScript's memory
   */
  static live(capacity: number = CAPACITY): Arena {
    const at = mapMemory(capacity);
    return new Arena(at, view(at, capacity), capacity);
  }

  /**
   * The same at an address, wherever that is free.
   * @param outside bytes besides, for {@link outside}; whole pages
   */
  static liveAt(address: number, outside: number): Arena {
    const size = CAPACITY + outside;
    const at = mapMemoryAt(address, size);
    return new Arena(at, view(at, CAPACITY), size);
  }

  /** Memory that will be loaded at `base`, a multiple of 8, by another program. */
  static image(base: number): Arena {
    return new Arena(base, new Uint8Array(IMAGE_CAPACITY), 0);
  }

  /** Gives the pages of a live arena back, when nobody is going to use what is in it any more: it is zero then. */
  discard(): void {
    if (this.#mapped > 0) raw("madvise", this.base, this.#mapped, MADV_DONTNEED);
  }

  /** Gives a live arena back, with its addresses: neither it nor its program may be used any more. */
  release(): void {
    if (this.#mapped > 0) raw("munmap", this.base, this.#mapped);
  }

  /** How many bytes are used so far. */
  get used(): number {
    return this.#used;
  }

  /** The bytes used so far. */
  contents(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** Makes sure that `size` more bytes are there. */
  #need(size: number): void {
    const wanted = this.#used + size;
    if (wanted <= this.#bytes.length) return;
    if (this.#mapped > 0 || wanted > MAX_IMAGE_CAPACITY) {
      throw new TsboxError(
        "limit-exceeded",
        "Cannot start the process: its arguments and environment are too large",
      );
    }
    const twice = this.#bytes.length * 2;
    const larger = new Uint8Array(wanted > twice ? wanted : twice);
    larger.set(this.contents());
    this.#bytes = larger;
    this.#words = wordsOf(larger);
  }

  /** Reserves `size` zero bytes, aligned to 8; returns their address. */
  reserve(size: number): number {
    const at = this.#used;
    const rounded = (size + 7) & ~7;
    this.#need(rounded);
    this.#used = at + rounded;
    return this.base + at;
  }

  /** Address of `size` zero bytes of those that an arena made by {@link liveAt} has besides; JavaScript does not see them. */
  outside(size: number): number {
    const at = this.#outside;
    if (at + size > this.#mapped) throw new RangeError("no such memory beside the arena");
    this.#outside = at + size;
    return this.base + at;
  }

  /** Copies `bytes`; returns their address. */
  put(bytes: Uint8Array): number {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at - this.base);
    return at;
  }

  /** Copies `text` with a NUL behind it; returns its address. Equal texts share one, so it must not be written to. */
  text(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    refuseNul(text);
    // UTF-8 takes at most three bytes for a unit of UTF-16; what is not written is zero.
    this.#need(text.length * 3 + 8);
    const at = this.#used;
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at));
    this.#used = at + ((written + 8) & ~7);
    this.#texts.set(text, this.base + at);
    return this.base + at;
  }

  /** Stores 64-bit words (negative numbers in two's complement); returns their address. */
  words(values: readonly number[]): number {
    const at = this.reserve(values.length * 8);
    for (let i = 0; i < values.length; i++) this.setWord(at + i * 8, values[i] ?? 0);
    return at;
  }

  /** Stores 32-bit words; returns their address. */
  halves(values: readonly number[]): number {
    const at = this.reserve(values.length * 4);
    const index = (at - this.base) >>> 2;
    for (let i = 0; i < values.length; i++) this.#words[index + i] = values[i] ?? 0;
    return at;
  }

  /** A NULL-terminated array of C strings, as execve takes. */
  vector(texts: readonly string[]): number {
    const addresses: number[] = [];
    for (const text of texts) addresses.push(this.text(text));
    addresses.push(0);
    return this.words(addresses);
  }

  /** Stores a 64-bit word at an address of this arena. */
  setWord(at: number, value: number): void {
    const index = (at - this.base) >>> 2;
    // An element of a Uint32Array takes a number modulo 2^32.
    this.#words[index] = value;
    this.#words[index + 1] = value >= 0 && value < WORD ? 0 : upperHalf(value);
  }

  /** Copies 32-bit halves of words to an address of this arena. */
  setHalves(at: number, halves: Uint32Array): void {
    this.#words.set(halves, (at - this.base) >>> 2);
  }

  /** The signed 64-bit word at an address of this arena. */
  word(at: number): number {
    const index = (at - this.base) >>> 2;
    return (this.#words[index] ?? 0) + ((this.#words[index + 1] ?? 0) | 0) * WORD;
  }

  /** The text stored at an address by {@link text}; for printing programs. */
  textAt(at: number): string | undefined {
    for (const [text, address] of this.#texts) if (address === at) return text;
    return undefined;
  }
}

/**
 * The upper 32 bits of a 64-bit word, in two's complement for a negative one. Not by Math: nothing else on the way of
 * a start needs that object, which is made when it is first asked for.
 */
export function upperHalf(value: number): number {
  return (value - (value >>> 0)) / WORD;
}

function wordsOf(bytes: Uint8Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}
