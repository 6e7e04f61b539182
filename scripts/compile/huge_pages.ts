/**
 * Lays an executable's segments out so that the kernel can map them in huge pages.
 *
 * Bun's code is 80 MB, of which a command touches a bit here and there: two hundred page faults, one for each
 * 64 KiB. Where a file system caches in folios of 2 MiB (ext4, xfs, btrfs), one fault maps all of one,
 * provided that file and memory agree: offset and address are the same modulo 2 MiB. The linker makes them agree
 * modulo a small page only. So the segments are moved in the file, by some kilobytes of zeros; addresses stay.
 */
import {
  ELF_HEADER,
  PT,
  sectionsOf,
  type Segment,
  segmentsOf,
  setOffset,
  setSectionOffset,
  setWord,
  viewOf,
  word,
} from "./elf_file.ts";

/** A huge page of x86-64, and of arm64 with small ones of 4 KiB; bytes. */
export const HUGE_PAGE = 2 << 20;
const PAGE = 4096;
/** More is not worth it. */
const MAX_GROWTH = 4 << 20;

/** A part of the file that moves as one. */
interface Move {
  from: number;
  end: number;
  to: number;
}

/** A copy of the executable with its segments moved; the same bytes when they are in no order or it would grow much. */
export function alignSegments(bytes: Uint8Array): Uint8Array {
  const moves = movesOf(bytes);
  const last = moves.at(-1);
  if (last === undefined || last.to - last.from > MAX_GROWTH) return bytes;
  const moved = new Uint8Array(bytes.length + last.to - last.from);
  for (const { from, end, to } of moves) moved.set(bytes.subarray(from, end), to);
  adjustHeaders(moved, moves);
  return moved;
}

/** Of the loaded segments, and at the end of what follows them. Empty when the file is not in their order. */
function movesOf(bytes: Uint8Array): Move[] {
  const moves: Move[] = [];
  let [read, written] = [0, 0];
  for (const segment of segmentsOf(viewOf(bytes)).filter(({ type }) => type === PT.LOAD)) {
    const { offset, fileSize } = segment;
    if (offset < read) return [];
    const to = nextPlace(written, segment);
    [read, written] = [offset + fileSize, to + fileSize];
    moves.push({ from: offset, end: read, to });
  }
  // What follows may want to be at a multiple of 16, as it was.
  moves.push({ from: read, end: bytes.length, to: written + ((read - written) & (PAGE - 1)) });
  return moves;
}

/** The first place from `end` on that agrees with the segment's address; not in a page that has begun. */
function nextPlace(end: number, { address }: Segment): number {
  const start = end + (-end & (PAGE - 1));
  return start + ((address - start) & (HUGE_PAGE - 1));
}

function adjustHeaders(moved: Uint8Array, moves: readonly Move[]): void {
  const file = viewOf(moved);
  const placeOf = (offset: number) => {
    const move = moves.find(({ from, end }) => offset >= from && offset < end);
    return move === undefined ? offset : offset - move.from + move.to;
  };
  setWord(file, ELF_HEADER.sectionHeaders, placeOf(word(file, ELF_HEADER.sectionHeaders)));
  for (const segment of segmentsOf(file)) setOffset(file, segment, placeOf(segment.offset));
  for (const section of sectionsOf(file)) {
    setSectionOffset(file, section, placeOf(section.offset));
  }
}
