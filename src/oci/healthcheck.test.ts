import { expect, test } from "bun:test";
import { effectiveHealthcheck } from "./effective_healthcheck.ts";
import { durationText, parseDuration } from "./healthcheck.ts";

test("durations are Go's", () => {
  expect(["1h2m3.5s", "100ms", "1.5s", "-1s", "0", "1us"].map(parseDuration)).toEqual([
    3723.5e9,
    100e6,
    1.5e9,
    -1e9,
    0,
    1000,
  ]);
  expect(["", "1", "s", "1d", "1s ", "soon"].map(parseDuration)).toEqual(Array(6).fill(undefined));
  expect([0, 5, 1500, 200e6, 1.5e9, 90e9, 3600e9].map(durationText)).toEqual(
    ["0s", "5ns", "1.5µs", "200ms", "1.5s", "1m30s", "1h0m0s"],
  );
});

test("the user's word counts field by field, and NONE ends the image's check", () => {
  const image = { Test: ["CMD", "a"], Interval: 1, Retries: 5 };
  expect(effectiveHealthcheck({ Test: [], Interval: 2, Retries: 0 }, image)).toEqual({
    Test: ["CMD", "a"],
    Interval: 2,
    Retries: 5,
  });
  expect(effectiveHealthcheck({ Test: ["NONE"] }, image)).toBeUndefined();
  expect(effectiveHealthcheck(undefined, { Test: ["NONE"] })).toBeUndefined();
  expect(effectiveHealthcheck({ Test: [], Interval: 2 }, undefined)).toBeUndefined();
});
