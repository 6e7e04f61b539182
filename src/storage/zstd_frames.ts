/**
 * Follows the frames of a zstd stream (RFC 8878, section 3.1) without decompressing them.
 *
 * The decompressor takes a stream that stops early, or goes on with something else, for a complete one.
 */
import { TsboxError } from "../errors.ts";

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** What the next bytes are; fixed-size parts are collected, bodies passed over. */
type Part = "magic" | "skip size" | "descriptor" | "frame header" | "block header" | "checksum";

export class ZstdFrames {
  #part: Part = "magic";
  #wanted = 4;
  #value = 0;
  #taken = 0;
  #skip = 0;
  #checksum = false;

  /** Takes the next bytes. @throws TsboxError "corrupt" when they are no frame */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at);
        this.#skip -= count;
        at += count;
        continue;
      }
      // Little-endian; only the first four bytes of a part ever matter.
      if (this.#taken < 4) this.#value += (bytes[at] ?? 0) * 2 ** (8 * this.#taken);
      at++;
      if (++this.#taken === this.#wanted) this.#next(this.#value);
    }
  }

  /** Whether the stream may end here. */
  get complete(): boolean {
    return this.#part === "magic" && this.#taken === 0 && this.#skip === 0;
  }

  #expect(part: Part, size: number): void {
    this.#part = part;
    this.#wanted = size;
    this.#taken = 0;
    this.#value = 0;
  }

  #next(value: number): void {
    switch (this.#part) {
      case "magic":
        if (value === MAGIC) return this.#expect("descriptor", 1);
        if (value - (value % 16) === SKIPPABLE) return this.#expect("skip size", 4);
        throw corruptStream("data that are not zstd follow");
      case "skip size":
        this.#skip = value;
        return this.#expect("magic", 4);
      case "descriptor":
        this.#checksum = (value & 4) !== 0;
        return this.#frameHeader(value);
      case "frame header":
        return this.#expect("block header", 3);
      case "block header":
        return this.#block(value);
      case "checksum":
        return this.#expect("magic", 4);
    }
  }

  #frameHeader(descriptor: number): void {
    const single = (descriptor & 0x20) !== 0;
    const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const content = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const size = (single ? 0 : 1) + dictionary + content;
    this.#expect("frame header", size);
  }

  #block(header: number): void {
    const last = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    if (type === 3) throw corruptStream("a block has the reserved type");
    this.#skip = type === 1 ? 1 : header >> 3;
    if (!last) return this.#expect("block header", 3);
    this.#expect(this.#checksum ? "checksum" : "magic", 4);
  }
}

function corruptStream(why: string): TsboxError {
  return new TsboxError("corrupt", `Cannot decompress the layer: ${why}`);
}
