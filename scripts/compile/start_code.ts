/**
 * Settles a few environment variables before Bun starts, by instructions at the executable's entry point.
 *
 * Bun takes options from the environment that a compiled executable cannot refuse: `BUN_BE_BUN` makes it Bun
 * itself, `BUN_OPTIONS` preloads code. And the thresholds of its compilers are for programs that run for
 * seconds: with the default a `run` spends a sixth of its time on compiling functions that are not called again.
 * So a little code, in the padding in front of the first instruction, calls setenv(3) and goes on to the
 * entry point there was. An executable without room for it, or without setenv, goes without, and so do those for musl:
 * no machine of ours can run them.
 *
 * On x86-64 it then calls what we do before Bun starts, or in its place: early_code.ts. That is larger, and is put
 * behind everything else, in a segment of its own. Last, the kernel is advised to map Bun in huge pages, for which
 * huge_pages.ts has laid out the file: what it then reads of it from the disk, it caches in large folios.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { earlyCode } from "./early_code.ts";
import {
  ELF_HEADER,
  EM,
  namedSections,
  PF,
  PT,
  segmentsOf,
  setLoaded,
  setWord,
  textAt,
  viewOf,
  word,
} from "./elf_file.ts";
import { alignSegments } from "./huge_pages.ts";
import { separatePayload } from "./payload_segment.ts";

/** A variable; `ours` beats what the caller has set. */
interface Setting {
  name: string;
  value: string;
  ours: boolean;
}

export const SETTINGS: readonly Setting[] = [
  { name: "BUN_BE_BUN", value: "", ours: true },
  { name: "BUN_OPTIONS", value: "", ours: true },
  // Said by the code that starts monitors, and by nobody else.
  { name: "TSBOX_BEGUN", value: "", ours: true },
  // A list of a thousand rows is done sooner than its code would be compiled; what runs for seconds gets
  // there all the same. Workers, which run long, are started with the usual values (rootless/worker.ts).
  { name: "BUN_JSC_thresholdForJITAfterWarmUp", value: "100000", ours: false },
  { name: "BUN_JSC_thresholdForJITSoon", value: "100000", ours: false },
  // More threads to collect the garbage of a short command cost more to start than they save.
  { name: "BUN_JSC_numberOfGCMarkers", value: "1", ours: false },
  // So does one that touches memory in advance: it is started when a short command is half done.
  { name: "BUN_JSC_useWarmUpMarkedBlocks", value: "0", ours: false },
];

const [RELA_SIZE, SYM_SIZE] = [24, 24];
const MACHINE = { [EM.X86_64]: "x64", [EM.AARCH64]: "arm64" } as const;
/** R_X86_64_JUMP_SLOT and R_AARCH64_JUMP_SLOT. */
const JUMP_SLOT = { x64: 7, arm64: 1026 } as const;
/** The smallest page: what is before the first instruction in its page is mapped with it. */
const PAGE = 4096;
/** Flags of the segment of code. */
const CODE = PF.READ | PF.EXECUTE;
/** madvise(2). */
const MADVISE = { x64: 28, arm64: 233 } as const;
const MADV_HUGEPAGE = 14;

type Machine = keyof typeof JUMP_SLOT;

/** Of memory: an address and bytes. */
interface Range {
  start: number;
  length: number;
}

/** Where the code goes, in the file and in memory. */
interface Room {
  offset: number;
  address: number;
  size: number;
}

/** Lays out the executable file at `path` and puts the code into it; false when it goes without. */
export function addStartCode(path: string): boolean {
  const original = readFileSync(path);
  const musl = isMusl(original);
  if (!musl) separatePayload(original);
  const bytes = alignSegments(original);
  const complete = musl ? undefined : withStartCode(bytes);
  // A new file: what is cached of the old one is in small pieces, and would stay so.
  rmSync(path);
  writeFileSync(path, complete ?? bytes);
  return complete !== undefined;
}

function withStartCode(bytes: Uint8Array): Uint8Array | undefined {
  const file = viewOf(bytes);
  const machine = machineOf(file);
  const slots = machine && slotsOf(file, bytes, machine);
  const [slot, fork] = [slots?.get("setenv"), slots?.get("fork")];
  const room = roomBefore(file, bytes);
  if (machine === undefined || slot === undefined || room === undefined) return undefined;
  const entry = word(file, ELF_HEADER.entry);
  const huge = hugeRanges(file);
  const early = machine === "x64" && fork !== undefined ? earlyCode() : [];
  const segment = early.length > 0 ? addSegment(file, joined(early)) : undefined;
  const calls = segment === undefined ? [] : starts(segment.address, early);
  const code = machine === "x64"
    ? codeX64(room.address, entry, { setenv: slot, fork: fork ?? 0 }, calls, huge)
    : codeArm64(room.address, entry, slot, huge);
  if (code.length > room.size) return undefined;
  bytes.set(code, room.offset);
  setWord(file, ELF_HEADER.entry, room.address);
  return segment === undefined ? bytes : joined([bytes, segment.bytes]);
}

/**
 * Makes the header of the notes, which nobody reads when the program starts, that of an executable segment at the end
 * of the file. Returns what is to be appended to the file, and the address of the code; undefined without notes.
 */
function addSegment(file: DataView, code: Uint8Array) {
  const headers = segmentsOf(file);
  const note = headers.find(({ type }) => type === PT.NOTE);
  const loaded = headers.filter(({ type }) => type === PT.LOAD);
  // They have to be in the order of their addresses.
  if (note === undefined || loaded.some(({ at }) => at > note.at)) return undefined;
  const end = Math.max(...loaded.map(({ address, memorySize }) => address + memorySize));
  const padding = -file.byteLength & (PAGE - 1);
  const [offset, address] = [file.byteLength + padding, end + PAGE + (-end & (PAGE - 1))];
  setLoaded(file, note.at, { flags: CODE, offset, address, size: code.length, page: PAGE });
  return { bytes: joined([new Uint8Array(padding), code]), address };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Bun.concatArrayBuffers([...parts]));
}

/** Where each part begins when all lie one behind the other. */
function starts(address: number, parts: readonly Uint8Array[]): number[] {
  let at = address;
  return parts.map(({ length }) => (at += length) - length);
}

/** What is only read and executed, in whole pages. */
function hugeRanges(file: DataView): Range[] {
  return segmentsOf(file)
    .filter(({ type, flags }) => type === PT.LOAD && (flags & PF.WRITE) === 0)
    .map(({ address, memorySize }) => {
      const before = address & (PAGE - 1);
      return { start: address - before, length: memorySize + before };
    });
}

function machineOf(file: DataView): Machine | undefined {
  const number = file.getUint16(ELF_HEADER.machine, true);
  return number === EM.X86_64 || number === EM.AARCH64 ? MACHINE[number] : undefined;
}

function isMusl(bytes: Uint8Array): boolean {
  const loader = namedSections(viewOf(bytes), bytes).get(".interp");
  return loader !== undefined && textAt(bytes, loader.offset).includes("musl");
}

/** The zeros in front of the executable segment that are in its first page. */
function roomBefore(file: DataView, bytes: Uint8Array): Room | undefined {
  const code = segmentsOf(file).find(({ type, flags }) => type === PT.LOAD && flags === CODE);
  if (code === undefined) return undefined;
  const { offset, address } = code;
  let start = offset;
  while (start > offset - (offset % PAGE) && bytes[start - 1] === 0) start--;
  // One zero may be the end of a text of the segment before.
  start = (start + 16) & ~15;
  const size = offset - start;
  return size > 0 ? { offset: start, address: address - size, size } : undefined;
}

/** Of functions of the C library: address of the word that holds where one is, once it is linked. */
function slotsOf(
  file: DataView,
  bytes: Uint8Array,
  machine: Machine,
): Map<string, number> | undefined {
  const sections = namedSections(file, bytes);
  const [rela, symbols, strings] = [".rela.plt", ".dynsym", ".dynstr"].map((n) => sections.get(n));
  if (!rela || !symbols || !strings) return undefined;
  const slots = new Map<string, number>();
  for (let at = rela.offset; at < rela.offset + rela.size; at += RELA_SIZE) {
    if (file.getUint32(at + 8, true) !== JUMP_SLOT[machine]) continue;
    const symbol = symbols.offset + file.getUint32(at + 12, true) * SYM_SIZE;
    slots.set(textAt(bytes, strings.offset + file.getUint32(symbol, true)), word(file, at));
  }
  return slots;
}

/** The settings' names and values as C strings, with where each begins. */
function texts(): { bytes: Uint8Array; offsets: { name: number; value: number }[] } {
  let all = "";
  const add = (text: string) => {
    const at = all.length;
    all += `${text}\0`;
    return at;
  };
  const offsets = SETTINGS.map(({ name, value }) => ({ name: add(name), value: add(value) }));
  return { bytes: new TextEncoder().encode(all), offsets };
}

/** rdx holds a function of the loader's for `_start`; a call wants the stack aligned to 16. */
function codeX64(
  address: number,
  entry: number,
  slots: { setenv: number; fork: number },
  routines: readonly number[],
  huge: readonly Range[],
): Uint8Array {
  const { bytes, offsets } = texts();
  const int32 = (value: number) => [...new Uint8Array(Int32Array.of(value).buffer)];
  const [save, restore] = [[0x52, 0x48, 0x83, 0xec, 0x08], [0x48, 0x83, 0xc4, 0x08, 0x5a]];
  const [callSize, beginSize, adviceSize, jumpSize] = [22, 26, 22, 5];
  const fixed = save.length + adviceSize * huge.length + restore.length + jumpSize;
  const size = fixed + callSize * SETTINGS.length + beginSize * routines.length;
  const calls = SETTINGS.flatMap(({ ours }, i) => [
    ...[0xbf, ...int32(address + size + (offsets[i]?.name ?? 0))], // mov edi, name
    ...[0xbe, ...int32(address + size + (offsets[i]?.value ?? 0))], // mov esi, value
    ...[0xba, ...int32(Number(ours))], // mov edx, overwrite
    ...[0xff, 0x14, 0x25, ...int32(slots.setenv)], // call [slot]
  ]);
  const first = address + save.length + callSize * SETTINGS.length;
  const begin = routines.flatMap((routine, i) => [
    ...[0x48, 0x8d, 0x7c, 0x24, 0x10], // lea rdi, [rsp+16]: where the process began
    ...[0x48, 0x8b, 0x34, 0x25, ...int32(slots.setenv)], // mov rsi, [slot]
    ...[0x48, 0x8b, 0x14, 0x25, ...int32(slots.fork)], // mov rdx, [slot]
    ...[0xe8, ...int32(routine - (first + beginSize * (i + 1)))], // call the routine
  ]);
  const advice = huge.flatMap(({ start, length }) => [
    ...[0xb8, ...int32(MADVISE.x64)], // mov eax, madvise
    ...[0xbf, ...int32(start)], // mov edi, start
    ...[0xbe, ...int32(length)], // mov esi, length
    ...[0xba, ...int32(MADV_HUGEPAGE)], // mov edx, advice
    ...[0x0f, 0x05], // syscall
  ]);
  const jump = [0xe9, ...int32(entry - (address + size))];
  const code = [...save, ...calls, ...begin, ...advice, ...restore, ...jump];
  return Uint8Array.from([...code, ...bytes]);
}

/** x0 holds a function of the loader's for `_start`. */
function codeArm64(
  address: number,
  entry: number,
  slot: number,
  huge: readonly Range[],
): Uint8Array {
  const { bytes, offsets } = texts();
  const size = 4 * (2 + SETTINGS.length * 8 + huge.length * 7 + 2);
  const code: number[] = [0xa9bf7be0]; // stp x0, x30, [sp, #-16]!
  const adr = (register: number, target: number) => {
    const distance = target - (address + code.length * 4);
    const [low, high] = [distance & 3, (distance >> 2) & 0x7ffff];
    code.push((0x10000000 | (low << 29) | (high << 5) | register) >>> 0);
  };
  const load = (register: number, value: number) => {
    code.push((0xd2800000 | ((value & 0xffff) << 5) | register) >>> 0);
    code.push((0xf2a00000 | ((value >>> 16) << 5) | register) >>> 0);
  };
  SETTINGS.forEach(({ ours }, i) => {
    adr(0, address + size + (offsets[i]?.name ?? 0));
    adr(1, address + size + (offsets[i]?.value ?? 0));
    code.push(0xd2800002 | (Number(ours) << 5)); // mov x2, overwrite
    load(16, slot); // mov x16, slot
    // Until it is linked the word leads to the linker, which finds by x16 what is wanted.
    code.push(0xf9400211, 0xd63f0220, 0xd503201f); // ldr x17, [x16]; blr x17; nop
  });
  for (const { start, length } of huge) {
    load(0, start);
    load(1, length);
    code.push(0xd2800002 | (MADV_HUGEPAGE << 5)); // mov x2, advice
    code.push((0xd2800008 | (MADVISE.arm64 << 5)) >>> 0); // mov x8, madvise
    code.push(0xd4000001); // svc #0
  }
  code.push(0xa8c17be0); // ldp x0, x30, [sp], #16
  const distance = (entry - (address + code.length * 4)) >> 2;
  code.push((0x14000000 | (distance & 0x3ffffff)) >>> 0, 0xd503201f); // b entry; nop
  return Uint8Array.from([...new Uint8Array(Uint32Array.from(code).buffer), ...bytes]);
}
