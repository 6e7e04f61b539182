/**
 * A syscall program as a tiny static ELF executable.
 *
 * The last steps before a container's own command run from such a file in a sealed memfd, so that
 * /proc/self/exe inside the container never is the tsbox executable (CVE-2019-5736); the keeper of the
 * user namespace is one too.
 */
import { executorCode } from "./machine/executor_code.ts";
import type { Arch } from "./numbers.ts";
import type { Program } from "./program.ts";

const CODE_ADDRESS = 0x400000;
const DATA_OFFSET = 0x1000;
const SEGMENT_ALIGN = 0x10000; // the largest page size of arm64

/** Address at which an arena for {@link toElf} must be based. */
export const IMAGE_BASE = 0x600000 + DATA_OFFSET;

const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const PHDR_COUNT = 3;
const ENTRY_OFFSET = EHDR_SIZE + PHDR_SIZE * PHDR_COUNT;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;

/** `mov edi, header` or `movz/movk x0, header`: the executor's argument, there being no caller. */
function entryCode(arch: Arch, header: number): Uint8Array {
  if (arch !== "arm64") {
    return new Uint8Array([0xbf, header, header >>> 8, header >>> 16, header >>> 24]);
  }
  const low = 0xd2800000 | ((header & 0xffff) << 5);
  const high = 0xf2a00000 | ((header >>> 16) << 5);
  return new Uint8Array(new Uint32Array([low, high]).buffer);
}

/** The program, whose arena is an image at {@link IMAGE_BASE}, as the bytes of an executable file. */
export function toElf(program: Program): Uint8Array {
  const { arch } = program;
  const header = program.seal();
  const data = program.arena.contents();
  const entry = entryCode(arch, header);
  const code = executorCode(arch);
  const file = new Uint8Array(DATA_OFFSET + data.length);
  const codeEnd = ENTRY_OFFSET + entry.length + code.length;
  writeHeaders(new Uint32Array(file.buffer, 0, DATA_OFFSET / 4), arch, codeEnd, data.length);
  file.set(entry, ENTRY_OFFSET);
  file.set(code, ENTRY_OFFSET + entry.length);
  file.set(data, DATA_OFFSET);
  return file;
}

/** @param out the file by 32-bit halves of words, which are little-endian here as in the file */
function writeHeaders(out: Uint32Array, arch: Arch, codeSize: number, dataSize: number): void {
  out[0] = 0x464c457f; // \x7fELF
  out[4 / 4] = 0x00010102; // 64 bit, little endian, version 1, System V
  out[16 / 4] = 2 | (arch === "arm64" ? 183 : 62) << 16; // ET_EXEC
  out[20 / 4] = 1;
  out[24 / 4] = CODE_ADDRESS + ENTRY_OFFSET;
  out[32 / 4] = EHDR_SIZE;
  out[52 / 4] = EHDR_SIZE | PHDR_SIZE << 16;
  out[56 / 4] = PHDR_COUNT | 64 << 16;
  writeSegment(out, 0, {
    type: PT_LOAD,
    flags: 5,
    offset: 0,
    address: CODE_ADDRESS,
    size: codeSize,
  });
  writeSegment(out, 1, {
    type: PT_LOAD,
    flags: 6,
    offset: DATA_OFFSET,
    address: IMAGE_BASE,
    size: dataSize,
  });
  writeSegment(out, 2, { type: PT_GNU_STACK, flags: 6, offset: 0, address: 0, size: 0 });
}

interface Segment {
  type: number;
  /** 1 execute, 2 write, 4 read. */
  flags: number;
  offset: number;
  address: number;
  size: number;
}

function writeSegment(out: Uint32Array, index: number, segment: Segment): void {
  const at = (EHDR_SIZE + index * PHDR_SIZE) / 4;
  out[at] = segment.type;
  out[at + 1] = segment.flags;
  out[at + 2] = segment.offset;
  out[at + 4] = segment.address;
  out[at + 6] = segment.address;
  out[at + 8] = segment.size;
  out[at + 10] = segment.size;
  out[at + 12] = SEGMENT_ALIGN;
}
