import { expect, test } from "bun:test";
import { timing } from "./hyperfine.ts";

test("the median is the middle of the times, or between the two in the middle", () => {
  expect(timing("odd", [9, 1, 5]).median).toBe(5);
  expect(timing("even", [9, 1, 5, 7]).median).toBe(6);
});

test("mean, deviation and extremes are those of all times", () => {
  expect(timing("t", [2, 4, 4, 4, 5, 5, 7, 9])).toMatchObject({ mean: 5, min: 2, max: 9 });
  expect(timing("t", [2, 4, 4, 4, 5, 5, 7, 9]).stddev).toBeCloseTo(2.138, 3);
});
