import { expect, test } from "bun:test";
import { ago, binarySize, goTime, humanDuration, humanSize } from "./units.ts";

test("sizes have three significant digits and decimal units", () => {
  const sizes = [0, 999, 1000, 7_330_000, 187_400_000, 999_900, 1e12].map((n) => humanSize(n));
  expect(sizes).toEqual(["0B", "999B", "1kB", "7.33MB", "187MB", "1000kB", "1TB"]);
});

test("memory has four significant digits and binary units", () => {
  expect([0, 1024, 8_216_272_896].map(binarySize)).toEqual(["0B", "1KiB", "7.652GiB"]);
});

test("durations are said in docker's words", () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];
  const cases: [number, string][] = [
    [500, "Less than a second"],
    [second, "1 second"],
    [59 * second, "59 seconds"],
    [minute, "About a minute"],
    [2 * minute, "2 minutes"],
    [hour, "About an hour"],
    [1.6 * hour, "2 hours"],
    [47 * hour, "47 hours"],
    [48 * hour, "2 days"],
    [14 * day, "2 weeks"],
    [60 * day, "2 months"],
    [800 * day, "2 years"],
  ];
  for (const [time, words] of cases) expect([time, humanDuration(time)]).toEqual([time, words]);
});

test("a time that is not known is N/A", () => {
  expect([ago(0, 5), ago(NaN, 5), goTime("x")]).toEqual(["N/A", "N/A", "N/A"]);
  expect(ago(1000, 1_005_000)).toBe("5 seconds ago");
  expect(goTime("2024-01-31T12:00:00.5Z")).toBe("2024-01-31 12:00:00 +0000 UTC");
});
