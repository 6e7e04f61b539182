/** Clocks. Not by `performance`, which is made when it is first asked for: that takes a start as long as ten of these. */
import { address, raw } from "./libc.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
// struct timespec { seconds; nanoseconds } as halves of words; of a size that does not move (bun-facts K1).
const time = new Uint32Array(1024);
const TIME = address(time);
const WORD = 0x1_0000_0000;

/** Of the time that {@link TIME} has. */
const seconds = () => (time[0] ?? 0) + (time[1] ?? 0) * WORD;

/** Nanoseconds since 1970. performance.now() would not hear of it when the clock is set, or the machine slept. */
export function wallClock(): bigint {
  raw("clock_gettime", CLOCK_REALTIME, TIME);
  return BigInt(seconds()) * 1_000_000_000n + BigInt(time[2] ?? 0);
}

/** Whole microseconds since 1970. */
export function wallMicroseconds(): number {
  raw("clock_gettime", CLOCK_REALTIME, TIME);
  const nanoseconds = time[2] ?? 0;
  return seconds() * 1e6 + (nanoseconds - nanoseconds % 1000) / 1000;
}

/** Milliseconds since some time in the past; nobody can set this clock, and it stands still while the machine sleeps. */
export function monotonicClock(): number {
  raw("clock_gettime", CLOCK_MONOTONIC, TIME);
  return seconds() * 1e3 + (time[2] ?? 0) / 1e6;
}
