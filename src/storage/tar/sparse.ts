/**
 * Maps of sparse files in the four formats GNU tar writes: old GNU headers (type S) and pax 0.0, 0.1
 * and 1.0 (GNU tar manual, "Sparse Formats").
 */
import { corruptArchive, oversizedArchive, type SparseRegion } from "./entry.ts";
import { BLOCK, numberField } from "./header.ts";
import { MAX_EXTENSION, type PaxValues, wholeNumber } from "./pax.ts";

/** Regions a file may have: what fits into the largest extended header. */
const MAX_REGIONS = MAX_EXTENSION / 16;

/** The regions in a block of old GNU format, from `at`; ends at the first that is empty. */
export function oldRegions(block: Buffer, at: number, count: number): SparseRegion[] {
  const regions: SparseRegion[] = [];
  for (let i = at; i < at + count * 24 && block[i] !== 0; i += 24) {
    regions.push({ offset: numberField(block, i, 12), length: numberField(block, i + 12, 12) });
  }
  return regions;
}

/** Where the first header of old GNU format has its regions, whether more blocks follow, and the size. */
export const OLD_HEADER = { at: 386, count: 4, more: 482, size: 483 } as const;
/** The same of the blocks that follow. */
export const OLD_EXTENSION = { at: 0, count: 21, more: 504 } as const;

/** The map in the extended header itself: formats 0.0 and 0.1. Undefined when there is none. */
export function regionsOfPax(pax: PaxValues): SparseRegion[] | undefined {
  const map = pax.text("GNU.sparse.map");
  if (map !== undefined) return pairs(map.split(","));
  if (pax.text("GNU.sparse.numblocks") === undefined) return undefined;
  const offsets = pax.all("GNU.sparse.offset");
  const lengths = pax.all("GNU.sparse.numbytes");
  if (offsets.length !== lengths.length) throw corruptArchive("a sparse file's map is uneven");
  return pairs(offsets.flatMap((offset, i) => [offset, lengths[i] ?? ""]));
}

/** Whether the map is at the beginning of the data: format 1.0. */
export function hasMapInData(pax: PaxValues): boolean {
  return pax.text("GNU.sparse.major") === "1" && pax.text("GNU.sparse.minor") === "0";
}

function pairs(numbers: readonly string[]): SparseRegion[] {
  if (numbers.length % 2 !== 0) throw corruptArchive("a sparse file's map is uneven");
  if (numbers.length / 2 > MAX_REGIONS) throw tooManyRegions();
  const regions: SparseRegion[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const [offset, length] = [numbers[i] ?? "", numbers[i + 1] ?? ""];
    regions.push({
      offset: wholeNumber(offset, "GNU.sparse"),
      length: wholeNumber(length, "GNU.sparse"),
    });
  }
  return regions;
}

/** Reads the map at the beginning of the data: a count, then offsets and lengths, a number a line. */
export class DataMapReader {
  #text = "";
  #lines = 0;

  /**
   * Takes the next whole block; returns the regions when the map is complete.
   * @throws TsboxError "corrupt" or "limit-exceeded"
   */
  add(block: Buffer): SparseRegion[] | undefined {
    const text = block.toString("latin1", 0, BLOCK);
    this.#text += text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines++;
    if (this.#lines === 0) throw corruptArchive("a sparse file's map is malformed");
    const count = wholeNumber(this.#text.slice(0, this.#text.indexOf("\n")), "GNU.sparse");
    if (count > MAX_REGIONS || this.#text.length > MAX_EXTENSION) throw tooManyRegions();
    if (this.#lines <= count * 2) return undefined;
    return pairs(this.#text.split("\n").slice(1, 1 + count * 2));
  }
}

export function tooManyRegions(): Error {
  return oversizedArchive(`a sparse file has more than ${MAX_REGIONS} regions`);
}

/**
 * Throws TsboxError "corrupt" unless the regions are in order, inside the file and as long as its data.
 * @param size bytes of the file @param stored bytes in the archive
 */
export function checkRegions(regions: readonly SparseRegion[], size: number, stored: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of regions) {
    if (offset < end || offset + length > size) {
      throw corruptArchive("a sparse file's map is out of order or leaves the file");
    }
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw corruptArchive("a sparse file's map does not fit its data");
}
