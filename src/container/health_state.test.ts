import { expect, test } from "bun:test";
import { afterCheck, healthTimes, newHealth, nextCheck } from "./health_state.ts";

const check = { Test: ["CMD", "x"], StartPeriod: 10e9, Retries: 2 };
const result = (ExitCode: number) => ({ Start: "", End: "", ExitCode, Output: "" });

test("failures count after the start period, or once it was healthy", () => {
  const early = afterCheck(newHealth(), result(1), check, 9999);
  expect(early).toMatchObject({ Status: "starting", FailingStreak: 0 });
  const well = afterCheck(early, result(0), check, 9999);
  const once = afterCheck(well, result(1), check, 9999);
  expect(once).toMatchObject({ Status: "healthy", FailingStreak: 1 });
  const late = afterCheck(early, result(1), check, 10_000);
  expect(late).toMatchObject({ Status: "starting", FailingStreak: 1 });
  const ill = afterCheck(late, result(1), check, 11_000);
  expect(ill).toMatchObject({ Status: "unhealthy", FailingStreak: 2 });
  expect(afterCheck(ill, result(0), check, 0)).toMatchObject({
    Status: "healthy",
    FailingStreak: 0,
  });
});

test("five results are kept, the last ones", () => {
  let health = newHealth();
  for (let i = 1; i <= 7; i++) health = afterCheck(health, result(i), check, 0);
  expect(health.Log.map(({ ExitCode }) => ExitCode)).toEqual([3, 4, 5, 6, 7]);
});

test("the start interval is for the start period of a container that was not healthy yet", () => {
  const times = healthTimes(check);
  expect(nextCheck(newHealth(), times, 0)).toBe(5000);
  expect(nextCheck(newHealth(), times, 10_000)).toBe(30_000);
  expect(nextCheck({ ...newHealth(), Status: "healthy" }, times, 0)).toBe(30_000);
});

test("times that would check without end, or never, are not taken from an image", () => {
  const { interval, timeout } = healthTimes({
    Test: [],
    Interval: 1,
    Timeout: Number.MAX_SAFE_INTEGER,
  });
  expect(interval).toBe(30_000);
  expect(timeout).toBe(2 ** 31 - 1);
});
