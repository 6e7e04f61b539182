/**
 * Memory for syscall programs: bytes whose address never changes.
 *
 * Small typed arrays move and may be collected (bun-facts K1); what a child process reads after we
 * returned to JavaScript must not. An arena is either live (mapped, used in this process) or an image
 * (bytes that will stand at a chosen address in another program, see elf.ts).
 */
import { TsboxError } from "../errors.ts";
import { nulTerminated, sys, view } from "./libc.ts";

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;

/** The default size of an arena: arguments and environment of a container fit many times over. */
const CAPACITY = 8 << 20;

/** Grow-only memory with stable addresses. */
export class Arena {
  /** Address of the first byte. */
  readonly base: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #texts = new Map<number, string>();
  #used = 0;

  constructor(base: number, bytes: Uint8Array<ArrayBuffer>) {
    this.base = base;
    this.#bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  }

  /** Memory of this process; pages cost nothing until they are written. */
  static live(): Arena {
    const at = sys(
      "map memory",
      "mmap",
      0,
      CAPACITY,
      PROT_READ_WRITE,
      MAP_PRIVATE_ANONYMOUS_NORESERVE,
      -1,
      0,
    );
    return new Arena(at, view(at, CAPACITY));
  }

  /** Memory that will be loaded at `base`, a multiple of 8, by another program. */
  static image(base: number): Arena {
    return new Arena(base, new Uint8Array(1 << 20));
  }

  /** The bytes used so far. */
  contents(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** Reserves `size` zero bytes, aligned to 8; returns their address. */
  reserve(size: number): number {
    const at = this.#used;
    this.#used += (size + 7) & ~7;
    if (this.#used > this.#bytes.length) {
      throw new TsboxError(
        "limit-exceeded",
        "Cannot start the process: its arguments and environment are too large",
      );
    }
    return this.base + at;
  }

  /** Copies `bytes`; returns their address. */
  put(bytes: Uint8Array): number {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at - this.base);
    return at;
  }

  /** Copies `text` with a NUL behind it; returns its address. Equal texts share one. */
  text(text: string): number {
    const at = this.put(nulTerminated(text));
    this.#texts.set(at, text);
    return at;
  }

  /** Stores 64-bit words (negative numbers in two's complement); returns their address. */
  words(values: readonly number[]): number {
    const at = this.reserve(values.length * 8);
    values.forEach((value, i) => this.setWord(at + i * 8, value));
    return at;
  }

  /** A NULL-terminated array of C strings, as execve takes. */
  vector(texts: readonly string[]): number {
    return this.words([...texts.map((text) => this.text(text)), 0]);
  }

  /** Stores a 64-bit word at an address of this arena. */
  setWord(at: number, value: number): void {
    const index = (at - this.base) >>> 2;
    this.#words[index] = value >>> 0;
    this.#words[index + 1] = Math.floor(value / 0x100000000) >>> 0;
  }

  /** The signed 64-bit word at an address of this arena. */
  word(at: number): number {
    const index = (at - this.base) >>> 2;
    return (this.#words[index] ?? 0) + ((this.#words[index + 1] ?? 0) | 0) * 0x100000000;
  }

  /** A copy of `length` bytes at an address of this arena. */
  copy(at: number, length: number): Uint8Array {
    return this.#bytes.slice(at - this.base, at - this.base + length);
  }

  /** The text stored at an address by {@link text}; for printing programs. */
  textAt(at: number): string | undefined {
    return this.#texts.get(at);
  }
}
