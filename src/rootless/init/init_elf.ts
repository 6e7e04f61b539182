/**
 * The init of `run --init` as an executable file.
 *
 * How it is started: `init -- COMMAND ARGUMENTS...`, from a sealed memfd, as the last step of the launch.
 * Signals may still be blocked then, so that none is lost: the init gives the command an empty mask and
 * default dispositions. If descriptor 100 is open (it must not be close-on-exec then) and the command
 * cannot be executed, the child writes two 64-bit words there, 0xffffffff and -errno; once the command
 * runs nothing holds it open. What else it does is told by src/ffi/machine/init_x64.s.
 */
import { initCode } from "../../ffi/machine/init_code.ts";
import { ARCH, type Arch } from "../../ffi/numbers.ts";

/** First word of the report of a command that could not be executed; the second is -errno. */
export const INIT_EXEC_FAILED = 0xffff_ffff;

const LOAD_ADDRESS = 0x400000;
const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const ENTRY_OFFSET = EHDR_SIZE + 2 * PHDR_SIZE;
const LARGEST_PAGE = 0x10000;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const READ_EXECUTE = 5;
const READ_WRITE = 6;

/** The bytes of the static executable: the headers and the code in one read-only segment. */
export function initElf(arch: Arch = ARCH): Uint8Array {
  const code = initCode(arch);
  const file = new Uint8Array(ENTRY_OFFSET + code.length);
  const out = new DataView(file.buffer);
  writeFileHeader(out, arch);
  out.setUint32(EHDR_SIZE, PT_LOAD, true);
  out.setUint32(EHDR_SIZE + 4, READ_EXECUTE, true);
  out.setUint32(EHDR_SIZE + 16, LOAD_ADDRESS, true);
  out.setUint32(EHDR_SIZE + 32, file.length, true);
  out.setUint32(EHDR_SIZE + 40, file.length, true);
  out.setUint32(EHDR_SIZE + 48, LARGEST_PAGE, true);
  out.setUint32(EHDR_SIZE + PHDR_SIZE, PT_GNU_STACK, true);
  out.setUint32(EHDR_SIZE + PHDR_SIZE + 4, READ_WRITE, true);
  file.set(code, ENTRY_OFFSET);
  return file;
}

function writeFileHeader(out: DataView, arch: Arch): void {
  out.setUint32(0, 0x7f454c46); // \x7fELF
  out.setUint32(4, 0x02010100); // 64 bit, little endian, version 1, System V
  out.setUint16(16, 2, true); // ET_EXEC
  out.setUint16(18, arch === "arm64" ? 183 : 62, true);
  out.setUint32(20, 1, true);
  out.setUint32(24, LOAD_ADDRESS + ENTRY_OFFSET, true);
  out.setUint32(32, EHDR_SIZE, true);
  out.setUint16(52, EHDR_SIZE, true);
  out.setUint16(54, PHDR_SIZE, true);
  out.setUint16(56, 2, true);
  out.setUint16(58, 64, true);
}
