/**
 * Makes what Bun has put into the executable, our bytecode, a segment of its own that is only read.
 *
 * Bun puts it behind its data, in their writable segment. Nothing ever writes to it; but the kernel maps huge pages, and
 * a monitor that goes to sleep gives pages back (src/ffi/idle_memory.ts), only where nothing is written. The header for
 * it is that which says where the headers are: in an executable at fixed addresses the loader does without.
 */
import {
  ELF_HEADER,
  namedSections,
  PF,
  PROGRAM_HEADER_SIZE,
  PT,
  type Segment,
  segmentsOf,
  setWord,
  viewOf,
} from "./elf_file.ts";

const FIXED_ADDRESSES = 2;
/** The largest page of arm64: both parts begin in pages of their own. */
const PAGE = 65536;
const SMALL_PAGE = 4096;

/** Changes the headers in place; does nothing to an executable that is laid out differently. */
export function separatePayload(bytes: Uint8Array): void {
  const file = viewOf(bytes);
  const payload = namedSections(file, bytes).get(".bun");
  const segments = segmentsOf(file);
  const [first] = segments;
  if (payload === undefined || first?.type !== PT.PHDR) return;
  if (file.getUint16(ELF_HEADER.type, true) !== FIXED_ADDRESSES) return;
  const whole = segments.find(({ type, offset, fileSize }) =>
    type === PT.LOAD && payload.offset > offset && payload.offset < offset + fileSize
  );
  if (whole === undefined) return;
  const before = payload.offset - whole.offset;
  const rest = whole.fileSize - before;
  const isLast = rest - payload.size < PAGE && whole.memorySize === whole.fileSize;
  const page = file.getUint16(ELF_HEADER.machine, true) === 62 ? SMALL_PAGE : PAGE;
  if (!isLast || (whole.address + before) % page !== 0) return;
  const headers: Uint8Array[] = segments.map(({ at }) => bytes.slice(at, at + PROGRAM_HEADER_SIZE));
  const part = payloadHeader(whole, before, page);
  setSizes(headers[segments.indexOf(whole)], before);
  headers.splice(segments.indexOf(whole) + 1, 0, part);
  headers.slice(1).forEach((header, i) => bytes.set(header, first.at + i * PROGRAM_HEADER_SIZE));
}

function payloadHeader(whole: Segment, before: number, page: number): Uint8Array {
  const [offset, address] = [whole.offset + before, whole.address + before];
  const size = whole.fileSize - before;
  const header = new Uint8Array(PROGRAM_HEADER_SIZE);
  const view = viewOf(header);
  view.setUint32(0, PT.LOAD, true);
  view.setUint32(4, PF.READ, true);
  const words = [offset, address, address, size, size, page];
  words.forEach((value, i) => setWord(view, 8 + i * 8, value));
  return header;
}

function setSizes(header: Uint8Array | undefined, size: number): void {
  if (header === undefined) return;
  setWord(viewOf(header), 32, size);
  setWord(viewOf(header), 40, size);
}
