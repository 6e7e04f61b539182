import { expect, test } from "bun:test";
import { numbersOf } from "./numbers.ts";
import { syscallTable } from "./syscall_table.ts";

test("the tables agree with the numbers that tsbox itself calls by", () => {
  for (const arch of ["x64", "arm64"] as const) {
    const table = syscallTable(arch);
    for (const [name, number] of Object.entries(numbersOf(arch))) {
      expect([arch, name, table.get(name)]).toEqual([arch, name, number]);
    }
  }
});

test("no number has two names, and newer calls have one number everywhere", () => {
  const arches = ["x64", "x86", "x32", "arm64", "arm"] as const;
  for (const arch of arches) {
    const table = syscallTable(arch);
    const numbers = [...table.values()];
    expect(numbers.length).toBeGreaterThan(300);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(table.get("openat2")).toBe(437);
    expect(table.get("file_setattr")).toBe(469);
  }
});
