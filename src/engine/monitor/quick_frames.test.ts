import { expect, test } from "bun:test";
import { TsboxError } from "../../errors.ts";
import { quickAnswer, quickExec } from "./quick_frames.ts";

const NUMBERS = [1, 2, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];

const asked = (...bytes: number[]) =>
  quickExec({ kind: "quick-exec", bytes: Uint8Array.from(bytes) });
const words = (text: string) => asked(...NUMBERS, ...new TextEncoder().encode(text));

test("who asks, with which descriptors, for which words", () => {
  expect(words("echo\0ü\0")).toEqual({
    options: {
      container: "",
      command: ["echo", "ü"],
      interactive: false,
      tty: false,
      detach: false,
      privileged: false,
      env: [],
      unsetEnv: [],
    },
    pid: 513,
    descriptors: [5, 1, 2],
  });
});

test("words are what they are: empty, with line ends, with a mark of byte order", () => {
  expect(words("\0")?.options.command).toEqual([""]);
  expect(words("\uFEFFa\0\0\n\0")?.options.command).toEqual(["\uFEFFa", "", "\n"]);
});

test("what is no UTF-8 is for somebody else", () => {
  expect(asked(...NUMBERS, 0x61, 0xff, 0)).toBeUndefined();
  // Half of a pair, which JavaScript could hold and nobody could write.
  expect(asked(...NUMBERS, 0xed, 0xa0, 0x80, 0)).toBeUndefined();
});

test("what is cut off is none of ours", () => {
  for (const bytes of [[], NUMBERS, NUMBERS.slice(1), [...NUMBERS, 0x61]]) {
    expect(() => asked(...bytes)).toThrow("Cannot understand what is to be executed");
  }
});

test("the answer is a status, or nothing when nothing was executed", async () => {
  const answer = async (work: Promise<{ status: number } | "declined">) =>
    (await quickAnswer(work))?.toHex();
  expect(await answer(Promise.resolve({ status: 137 }))).toBe("0c0100000089");
  expect(await answer(Promise.resolve("declined"))).toBe("0c00000000");
  expect(await answer(Promise.reject(new TsboxError("not-found", "No")))).toBe("0c00000000");
  expect(await answer(Promise.reject(new RangeError("out of memory")))).toBeUndefined();
});
