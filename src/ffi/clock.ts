/** Clocks. Not by `performance`, which is made when it is first asked for: that takes a start as long as ten of these. */
import { address, raw } from "./libc.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
// struct timespec; of a size that does not move (bun-facts K1).
const time = new BigInt64Array(512);
const TIME = address(time);

function nanoseconds(clock: number): bigint {
  raw("clock_gettime", clock, TIME);
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}

/** Nanoseconds since 1970. performance.now() would not hear of it when the clock is set, or the machine slept. */
export function wallClock(): bigint {
  return nanoseconds(CLOCK_REALTIME);
}

/** Milliseconds since some time in the past; nobody can set this clock, and it stands still while the machine sleeps. */
export function monotonicClock(): number {
  return Number(nanoseconds(CLOCK_MONOTONIC)) / 1e6;
}
