/** Times of logs: nanoseconds since 1970 and RFC 3339. Pure. */

const SECOND = 1_000_000_000n;

/**
 * RFC 3339 in UTC.
 * @param digits `fixed` has all nine behind the point, `short` leaves zeros at the end out, as Go does
 */
export function nanoTime(time: bigint, digits: "fixed" | "short"): string {
  const seconds = new Date(Number(time / SECOND) * 1000).toISOString().slice(0, 19);
  const fraction = String(time % SECOND).padStart(9, "0");
  const shown = digits === "fixed" ? fraction : fraction.replace(/0+$/, "");
  return shown === "" ? `${seconds}Z` : `${seconds}.${shown}Z`;
}

/** Nanoseconds of an RFC 3339 time with any number of digits; undefined when it is none. */
export function readNanoTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, whole = "", fraction = "", zone = ""] = match;
  const milliseconds = Date.parse(`${whole}${zone}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}
