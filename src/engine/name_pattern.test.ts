import { expect, test } from "bun:test";
import { TsboxError } from "../errors.ts";
import { namePattern } from "./name_pattern.ts";

// The results are those of Go's path.Match.
test.each([
  ["busybox", "busybox", true],
  ["busybox", "busybox:1", false],
  ["*", "team/app", false],
  ["*/*", "team/app:1", true],
  ["**", "busybox", true],
  ["*box:?", "busybox:1", true],
  ["*box:?", "busybox:12", false],
  ["?", "/", false],
  ["[a-c]usy*", "busybox", true],
  ["[^a-c]usy*", "busybox", false],
  ["[!b]usybox", "busybox", true],
  ["[c-a]*", "busybox", false],
  ["team[/]app", "team/app", true],
  ["[\\]-]", "]", undefined],
  ["[\\]\\-]", "-", true],
  ["[a-]", "a", undefined],
  ["\\b\\*", "b*", true],
  ["{a,b}", "a", false],
  ["a.c", "abc", false],
  ["a+(b)|c$", "a+(b)|c$", true],
  ["", "", true],
  ["[", "a", undefined],
  ["[]", "a", undefined],
  ["[]a]", "a", undefined],
  ["[-x]", "x", undefined],
  ["[a", "a", undefined],
  ["a\\", "a", undefined],
  ["nothing[", "a", undefined],
])("%j and %j: %p, undefined for what is no pattern", (pattern, name, fits) => {
  if (fits !== undefined) return expect(namePattern(pattern).test(name)).toBe(fits);
  expect(() => namePattern(pattern)).toThrow(TsboxError);
  expect(() => namePattern(pattern)).toThrow(/^syntax error in pattern "/);
});
