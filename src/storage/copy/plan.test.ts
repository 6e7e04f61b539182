import { expect, test } from "bun:test";
import { type CopyTarget, planCopy, renamed } from "./plan.ts";

const file = { name: "a", isDirectory: false };
const folder = { name: "d", isDirectory: true };
const content = { name: ".", isDirectory: true };
const target = (what: Partial<CopyTarget>): CopyTarget => ({
  name: "t",
  exists: true,
  isDirectory: false,
  asDirectory: false,
  ...what,
});

test("what goes into a directory that is there keeps its name", () => {
  for (const source of [file, folder, content]) {
    expect(planCopy(source, target({ isDirectory: true }))).toEqual({ into: "target" });
  }
});

test("anything else takes the target's place and name", () => {
  const beside = (from: string) => ({ into: "parent", rename: { from, to: "t" } } as const);
  expect(planCopy(file, target({}))).toEqual(beside("a"));
  expect(planCopy(file, target({ exists: false }))).toEqual(beside("a"));
  expect(planCopy(folder, target({ exists: false }))).toEqual(beside("d"));
  expect(planCopy(folder, target({ exists: false, asDirectory: true }))).toEqual(beside("d"));
  expect(planCopy(content, target({ exists: false }))).toEqual(beside("."));
});

test("a directory does not replace a file, and a file does not become a directory", () => {
  expect(() => planCopy(folder, target({}))).toThrow("cannot copy directory");
  expect(() => planCopy(file, target({ exists: false, asDirectory: true })))
    .toThrow("no such directory");
});

test("only the beginning of a member's name is exchanged, and only as a whole", () => {
  const rename = { from: "a", to: "new" };
  expect(["a", "a/", "a/a/x", "ab", "b/a"].map((name) => renamed(name, rename)))
    .toEqual(["new", "new/", "new/a/x", "ab", "b/a"]);
  expect(renamed("./x", { from: ".", to: "new" })).toBe("new/x");
  expect(renamed("a", undefined)).toBe("a");
});
