/** When a container counts as healthy: docker's addition to the image config. Pure. */

/** Times in nanoseconds; what is missing or 0 is docker's default. */
export interface Healthcheck {
  /** `NONE`; or `CMD` and words; or `CMD-SHELL` and a line. Empty: the image's. */
  Test: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

/** Names of the fields that are times. */
export const HEALTH_TIMES = ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const;

/** Nanoseconds. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  "µs": 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go's durations, such as `1m30s`, in nanoseconds; undefined for what is none. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const [, sign = "", amount = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const parts = [...amount.matchAll(/([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)/g)];
  if (amount === "" || parts.map(([part]) => part).join("") !== amount) return undefined;
  const sum = parts.reduce((sum, [, n, unit = ""]) => sum + Number(n) * (UNITS[unit] ?? 0), 0);
  return Math.round(sign === "-" ? -sum : sum);
}

/** A length of time as Go prints it: `1m30s`, `1.5s`, `200ms`. @param nanoseconds not negative */
export function durationText(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  for (const [unit, size] of [["ns", 1], ["µs", 1e3], ["ms", 1e6]] as const) {
    if (nanoseconds < size * 1000) return `${nanoseconds / size}${unit}`;
  }
  if (nanoseconds >= 1e9) return longText(nanoseconds / 1e9);
  return `${nanoseconds / 1e6}ms`;
}

function longText(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = Number((seconds % 60).toFixed(9));
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}
