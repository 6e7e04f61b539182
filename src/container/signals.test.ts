import { expect, test } from "bun:test";
import { parseSignal } from "./signals.ts";

test("a signal is a name in any case, with or without SIG, or a number", () => {
  for (const text of ["SIGTERM", "term", "15", "sigterm"]) expect(parseSignal(text)).toBe(15);
  expect(parseSignal("WINCH")).toBe(28);
  expect(parseSignal("SYS")).toBe(31);
});

test("real-time signals count from either end", () => {
  expect(parseSignal("SIGRTMIN")).toBe(34);
  expect(parseSignal("RTMIN+3")).toBe(37);
  expect(parseSignal("RTMAX-1")).toBe(63);
});

test("anything else is refused in docker's words", () => {
  for (const text of ["", "0", "65", "-1", "NOPE", "SIG", "RTMIN+31", "RTMAX-31", "RTMIN-1"]) {
    expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`);
  }
});
