/** What checks say about a container's health: docker's rules. Pure. */
import type { Healthcheck } from "../oci/healthcheck.ts";

/** A check that was made. Field names and formats are those of Docker's API. */
export interface HealthResult {
  /** RFC 3339. */
  Start: string;
  End: string;
  /** -1 when it took too long or could not be made. */
  ExitCode: number;
  /** At most {@link MAX_OUTPUT} bytes of what it wrote. */
  Output: string;
}

/** `State.Health` of Docker's API. */
export interface Health {
  Status: "starting" | "healthy" | "unhealthy";
  FailingStreak: number;
  /** The last five results, the oldest first. */
  Log: HealthResult[];
}

/** The times of a check, in milliseconds, with docker's defaults in them. */
export interface HealthTimes {
  interval: number;
  timeout: number;
  startPeriod: number;
  startInterval: number;
}

/** Bytes kept of a check's output. */
export const MAX_OUTPUT = 4096;
const MAX_RESULTS = 5;
const RETRIES = 3;
const [INTERVAL, TIMEOUT, START_INTERVAL] = [30_000, 30_000, 5000];
/** Of a timer. */
const LONGEST = 0x7fffffff;

/** A container that was just started. */
export function newHealth(): Health {
  return { Status: "starting", FailingStreak: 0, Log: [] };
}

/** The times that are meant. */
export function healthTimes(check: Healthcheck): HealthTimes {
  const { Interval, Timeout, StartPeriod, StartInterval } = check;
  return {
    interval: milliseconds(Interval, INTERVAL),
    timeout: milliseconds(Timeout, TIMEOUT),
    startPeriod: milliseconds(StartPeriod, 0),
    startInterval: milliseconds(StartInterval, START_INTERVAL),
  };
}

/** An image may say anything: less than a millisecond would be checking all the time. */
function milliseconds(nanoseconds: number | undefined, byDefault: number): number {
  if (nanoseconds === undefined || nanoseconds < 1e6) return byDefault;
  return Math.min(nanoseconds / 1e6, LONGEST);
}

/** Milliseconds until the next check. @param age of the container's life, in milliseconds */
export function nextCheck(health: Health, times: HealthTimes, age: number): number {
  const begins = health.Status === "starting" && age < times.startPeriod;
  return begins ? times.startInterval : times.interval;
}

/** The health after one more check. @param age of the container's life when the check began, in milliseconds */
export function afterCheck(
  health: Health,
  result: HealthResult,
  check: Healthcheck,
  age: number,
): Health {
  const Log = [...health.Log, result].slice(-MAX_RESULTS);
  if (result.ExitCode === 0) return { Status: "healthy", FailingStreak: 0, Log };
  const forgiven = health.Status === "starting" && age < healthTimes(check).startPeriod;
  if (forgiven) return { ...health, Log };
  const FailingStreak = health.FailingStreak + 1;
  const failed = FailingStreak >= (check.Retries || RETRIES);
  return { Status: failed ? "unhealthy" : health.Status, FailingStreak, Log };
}
