/** Fields of elf(5), of 64-bit little-endian executables. */

/** Bytes. */
export const PROGRAM_HEADER_SIZE = 56;
const SECTION_HEADER_SIZE = 64;

/** Offsets in the file's header. */
export const ELF_HEADER = {
  type: 16,
  machine: 18,
  entry: 24,
  programHeaders: 32,
  sectionHeaders: 40,
  programHeaderCount: 56,
  sectionHeaderCount: 60,
  sectionNames: 62,
} as const;

/** Of {@link ELF_HEADER}'s `machine`. */
export const EM = { X86_64: 62, AARCH64: 183 } as const;

/** Types and flags of program headers. */
export const PT = { LOAD: 1, NOTE: 4, PHDR: 6 } as const;
export const PF = { EXECUTE: 1, WRITE: 2, READ: 4 } as const;

/** A program header; offsets and sizes in bytes. */
export interface Segment {
  /** Where the header is in the file. */
  at: number;
  type: number;
  flags: number;
  offset: number;
  address: number;
  fileSize: number;
  memorySize: number;
}

/** A section header. */
export interface Section {
  at: number;
  /** Of its name, in the section of names. */
  nameOffset: number;
  offset: number;
  size: number;
}

/** What is read and written in place. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A word of 64 bits. */
export function word(file: DataView, at: number): number {
  return Number(file.getBigUint64(at, true));
}

export function setWord(file: DataView, at: number, value: number): void {
  file.setBigUint64(at, BigInt(value), true);
}

/** The program headers, in their order. */
export function segmentsOf(file: DataView): Segment[] {
  const first = word(file, ELF_HEADER.programHeaders);
  const count = file.getUint16(ELF_HEADER.programHeaderCount, true);
  return Array.from({ length: count }, (_, i) => {
    const at = first + i * PROGRAM_HEADER_SIZE;
    return {
      at,
      type: file.getUint32(at, true),
      flags: file.getUint32(at + 4, true),
      offset: word(file, at + 8),
      address: word(file, at + 16),
      fileSize: word(file, at + 32),
      memorySize: word(file, at + 40),
    };
  });
}

/** Writes, at `at`, the header of a part of the file that is loaded whole. */
export function setLoaded(
  file: DataView,
  at: number,
  part: Pick<Segment, "flags" | "offset" | "address"> & { size: number; page: number },
): void {
  const { flags, offset, address, size, page } = part;
  file.setUint32(at, PT.LOAD, true);
  file.setUint32(at + 4, flags, true);
  [offset, address, address, size, size, page].forEach((value, i) => {
    setWord(file, at + 8 + i * 8, value);
  });
}

/** In the file, and in memory. */
export function setSize(file: DataView, at: number, size: number): void {
  setWord(file, at + 32, size);
  setWord(file, at + 40, size);
}

export function setOffset(file: DataView, header: Segment, offset: number): void {
  setWord(file, header.at + 8, offset);
}

/** The section headers, in their order. */
export function sectionsOf(file: DataView): Section[] {
  const first = word(file, ELF_HEADER.sectionHeaders);
  const count = file.getUint16(ELF_HEADER.sectionHeaderCount, true);
  return Array.from({ length: count }, (_, i) => {
    const at = first + i * SECTION_HEADER_SIZE;
    const nameOffset = file.getUint32(at, true);
    return { at, nameOffset, offset: word(file, at + 24), size: word(file, at + 32) };
  });
}

/** The section headers by their names. */
export function namedSections(file: DataView, bytes: Uint8Array): Map<string, Section> {
  const sections = sectionsOf(file);
  const names = sections[file.getUint16(ELF_HEADER.sectionNames, true)]?.offset ?? 0;
  return new Map(sections.map((section) => [textAt(bytes, names + section.nameOffset), section]));
}

export function setSectionOffset(file: DataView, section: Section, offset: number): void {
  setWord(file, section.at + 24, offset);
}

/** Up to the next NUL. */
export function textAt(bytes: Uint8Array, at: number): string {
  return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
}
