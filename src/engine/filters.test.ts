import { expect, test } from "bun:test";
import { booleanFilter, hasLabels, parseFilters, passes, timeFilter } from "./filters.ts";

const KNOWN = ["label", "name", "dangling"];

test("values of one key are alternatives, labels must all be there", () => {
  const filters = parseFilters(["name=a", "NAME=b", "label=x", "label=y=1"], KNOWN);
  expect(["a", "b", "c"].map((name) => passes(filters, "name", (v) => v === name))).toEqual([
    true,
    true,
    false,
  ]);
  expect(passes(filters, "other", () => false)).toBe(true);
  expect(hasLabels(filters, { x: "", y: "1" })).toBe(true);
  expect(hasLabels(filters, { x: "", y: "2" })).toBe(false);
  expect(hasLabels(filters, { y: "1" })).toBe(false);
});

test("a label's value may hold equals signs", () => {
  expect(hasLabels(parseFilters(["label=a=b=c"], KNOWN), { a: "b=c" })).toBe(true);
});

test("filters that are unknown, docker's only or malformed are told apart", () => {
  expect(() => parseFilters(["size=3"], KNOWN)).toThrow("invalid filter 'size'");
  expect(() => parseFilters(["health=x"], KNOWN, ["health"])).toThrow(
    "--filter health is not supported by tsbox yet",
  );
  expect(() => parseFilters(["name"], KNOWN)).toThrow('invalid argument "name"');
});

test("a boolean is one of the words Go knows", () => {
  const value = (text: string) =>
    booleanFilter(parseFilters([`dangling=${text}`], KNOWN), "dangling");
  expect(["1", "true", "T", "0", "false"].map(value)).toEqual([true, true, true, false, false]);
  expect(() => value("yes")).toThrow("invalid filter 'dangling=yes'");
  expect(booleanFilter(parseFilters([], KNOWN), "dangling")).toBeUndefined();
});

test("a time is a date, seconds since the epoch or a duration before now", () => {
  const now = Date.parse("2024-06-01T12:00:00Z");
  expect(timeFilter("2024-05-01", now)).toBe(Date.parse("2024-05-01"));
  expect(timeFilter("2024-05-01T10:00:00Z", now)).toBe(Date.parse("2024-05-01T10:00:00Z"));
  expect(timeFilter("1700000000", now)).toBe(1_700_000_000_000);
  expect(timeFilter("1h30m", now)).toBe(now - 90 * 60_000);
  for (const bad of ["", "yesterday", "5 minutes"]) {
    expect(() => timeFilter(bad, now)).toThrow(`Cannot read "${bad}" as a time`);
  }
});

test("a time without a zone is this machine's, to the hour, the minute or the day", () => {
  const { TZ } = process.env;
  process.env["TZ"] = "America/New_York";
  try {
    const time = (text: string) => new Date(timeFilter(text, 0)).toISOString();
    expect(time("2024-05-01")).toBe("2024-05-01T04:00:00.000Z");
    expect(time("2024-05-01T10")).toBe("2024-05-01T14:00:00.000Z");
    expect(time("2024-05-01T10:20")).toBe("2024-05-01T14:20:00.000Z");
    expect(time("2024-05-01T10:20:30.123456789")).toBe("2024-05-01T14:20:30.123Z");
    expect(time("2024-05-01Z")).toBe("2024-05-01T00:00:00.000Z");
    expect(time("2024-05-01T10+02:00")).toBe("2024-05-01T08:00:00.000Z");
    for (const bad of ["2024-13-01", "2024-05-01x", "2024-05-01 10:20", "2024-05-01T25:00"]) {
      expect(() => time(bad)).toThrow("as a time");
    }
  } finally {
    if (TZ === undefined) delete process.env["TZ"];
    else process.env["TZ"] = TZ;
  }
});
