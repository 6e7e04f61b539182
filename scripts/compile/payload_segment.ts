/**
 * Makes what Bun has put into the executable, our bytecode, a segment of its own that is only read.
 *
 * Bun puts it behind its data, in their writable segment. Nothing ever writes to it; but the kernel maps huge pages, and
 * a monitor that goes to sleep gives pages back (src/ffi/idle_memory.ts), only where nothing is written. The header for
 * it is that which says where the headers are: in an executable at fixed addresses the loader does without.
 */
import {
  ELF_HEADER,
  EM,
  namedSections,
  PF,
  PROGRAM_HEADER_SIZE,
  PT,
  type Segment,
  segmentsOf,
  setLoaded,
  setSize,
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
  const page = file.getUint16(ELF_HEADER.machine, true) === EM.X86_64 ? SMALL_PAGE : PAGE;
  if (!isLast || (whole.address + before) % page !== 0) return;
  setSize(file, whole.at, before);
  const headers: Uint8Array[] = segments.map(({ at }) => bytes.slice(at, at + PROGRAM_HEADER_SIZE));
  headers.splice(segments.indexOf(whole) + 1, 0, payloadHeader(whole, before, page));
  headers.slice(1).forEach((header, i) => bytes.set(header, first.at + i * PROGRAM_HEADER_SIZE));
}

function payloadHeader(whole: Segment, before: number, page: number): Uint8Array {
  const header = new Uint8Array(PROGRAM_HEADER_SIZE);
  setLoaded(viewOf(header), 0, {
    flags: PF.READ,
    offset: whole.offset + before,
    address: whole.address + before,
    size: whole.fileSize - before,
    page,
  });
  return header;
}
