import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { namedSections, PT, segmentsOf, viewOf, word } from "./elf_file.ts";
import { alignSegments, HUGE_PAGE } from "./huge_pages.ts";

const bun = new Uint8Array(readFileSync(process.execPath));
const aligned = alignSegments(bun);

function loaded(bytes: Uint8Array) {
  return segmentsOf(viewOf(bytes)).filter(({ type }) => type === PT.LOAD);
}

function hash(bytes: Uint8Array, offset: number, size: number) {
  return Bun.hash(bytes.subarray(offset, offset + size));
}

describe("an executable whose segments are moved", () => {
  test("agrees with memory modulo a huge page, and is little larger", () => {
    for (const { offset, address } of loaded(aligned)) {
      expect(offset % HUGE_PAGE).toBe(address % HUGE_PAGE);
    }
    expect(loaded(bun).some(({ offset, address }) => (offset - address) % HUGE_PAGE !== 0)).toBe(
      true,
    );
    expect(aligned.length - bun.length).toBeLessThan(4 << 20);
  });

  test("is the same in memory", () => {
    const placed = (bytes: Uint8Array) =>
      segmentsOf(viewOf(bytes)).map(({ at: _, offset: __, ...rest }) => rest);
    expect(placed(aligned)).toEqual(placed(bun));
    // The first page has the headers, which tell the places in the file.
    const contents = (bytes: Uint8Array) =>
      loaded(bytes).map(({ offset, fileSize }) => hash(bytes, offset + 4096, fileSize - 4096));
    expect(contents(aligned)).toEqual(contents(bun));
  });

  test("has its sections where its headers say", () => {
    const contents = (bytes: Uint8Array) =>
      [...namedSections(viewOf(bytes), bytes)].filter(([name]) => !/^\.t?bss$/.test(name))
        .map(([name, { offset, size }]) => [name, size, hash(bytes, offset, size)]);
    expect(contents(aligned)).toEqual(contents(bun));
    expect(contents(aligned).map(([name]) => name)).toContain(".text");
  });

  test("stays as it is when it is laid out already", () => {
    expect(Bun.hash(alignSegments(aligned))).toBe(Bun.hash(aligned));
  });
});

test("a file whose segments overlap, or are in no order, stays as it is", () => {
  const odd = bun.slice();
  const [first, second] = loaded(odd);
  if (first === undefined || second === undefined) throw new Error("no segments");
  viewOf(odd).setBigUint64(second.at + 8, 0n, true);
  expect(word(viewOf(odd), second.at + 8)).toBe(0);
  expect(alignSegments(odd)).toBe(odd);
});
