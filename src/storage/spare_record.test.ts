import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dropSpare, keepSpare, writeSpare } from "./spare_record.ts";

const directory = mkdtempSync(join(tmpdir(), "spare-"));
afterAll(() => rmSync(directory, { recursive: true }));

const record = join(directory, "container.json");
const spare = `${record}.spare`;

test("a record is written into the room that was kept, again and again, and readers see whole ones", () => {
  writeFileSync(record, "the first");
  keepSpare(directory);
  const { size, blocks } = statSync(spare);
  expect(size).toBeGreaterThan(4096);
  expect(blocks * 512).toBeGreaterThanOrEqual(size);
  expect(writeSpare(directory, record, "one that is longer")).toBe(true);
  expect(readFileSync(record, "utf8")).toBe("one that is longer");
  expect(readFileSync(spare, "utf8")).toBe("the first");
  expect(writeSpare(directory, record, "short")).toBe(true);
  expect(readFileSync(record, "utf8")).toBe("short");
});

test("without room nothing is written", () => {
  dropSpare(directory);
  expect(existsSync(spare)).toBe(false);
  expect(writeSpare(directory, record, "new")).toBe(false);
  expect(readFileSync(record, "utf8")).toBe("short");
});
