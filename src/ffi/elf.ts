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
  const code = new DataView(new ArrayBuffer(arch === "arm64" ? 8 : 5));
  if (arch === "arm64") {
    code.setUint32(0, (0xd2800000 | ((header & 0xffff) << 5)) >>> 0, true);
    code.setUint32(4, (0xf2a00000 | ((header >>> 16) << 5)) >>> 0, true);
  } else {
    code.setUint8(0, 0xbf);
    code.setUint32(1, header, true);
  }
  return new Uint8Array(code.buffer);
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
  writeHeaders(new DataView(file.buffer), arch, codeEnd, data.length);
  file.set(entry, ENTRY_OFFSET);
  file.set(code, ENTRY_OFFSET + entry.length);
  file.set(data, DATA_OFFSET);
  return file;
}

function writeHeaders(out: DataView, arch: Arch, codeSize: number, dataSize: number): void {
  out.setUint32(0, 0x7f454c46); // \x7fELF
  out.setUint32(4, 0x02010100); // 64 bit, little endian, version 1, System V
  out.setUint16(16, 2, true); // ET_EXEC
  out.setUint16(18, arch === "arm64" ? 183 : 62, true);
  out.setUint32(20, 1, true);
  out.setUint32(24, CODE_ADDRESS + ENTRY_OFFSET, true);
  out.setUint32(32, EHDR_SIZE, true);
  out.setUint16(52, EHDR_SIZE, true);
  out.setUint16(54, PHDR_SIZE, true);
  out.setUint16(56, PHDR_COUNT, true);
  out.setUint16(58, 64, true);
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

function writeSegment(out: DataView, index: number, segment: Segment): void {
  const at = EHDR_SIZE + index * PHDR_SIZE;
  out.setUint32(at, segment.type, true);
  out.setUint32(at + 4, segment.flags, true);
  out.setUint32(at + 8, segment.offset, true);
  out.setUint32(at + 16, segment.address, true);
  out.setUint32(at + 24, segment.address, true);
  out.setUint32(at + 32, segment.size, true);
  out.setUint32(at + 40, segment.size, true);
  out.setUint32(at + 48, SEGMENT_ALIGN, true);
}
