/** The time of day. */
import { address, raw } from "./libc.ts";

const CLOCK_REALTIME = 0;
// struct timespec; of a size that does not move (bun-facts K1).
const time = new BigInt64Array(512);
const TIME = address(time);

/** Nanoseconds since 1970. performance.now() would not hear of it when the clock is set, or the machine slept. */
export function wallClock(): bigint {
  raw("clock_gettime", CLOCK_REALTIME, TIME);
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}
