import { expect, test } from "bun:test";
import { printable } from "./printable.ts";

test("what a terminal would obey is written out, text and layout stay", () => {
  expect(printable("a\x1b[2Jb\x07\x9b31m\x7f\r\tc\nd größer")).toBe(
    "a\\x1b[2Jb\\x07\\x9b31m\\x7f\\x0d\tc\nd größer",
  );
});
