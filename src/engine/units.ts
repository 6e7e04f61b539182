const SIZES = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** A number of bytes with decimal units and `digits` significant digits, as docker prints sizes: `7.33MB`. */
export function humanSize(bytes: number, digits = 3): string {
  // No pattern takes them apart: in lists of thousands that takes longer than all the rest.
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < SIZES.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${shortest(size, digits)}${SIZES[unit] ?? ""}`;
}

const BINARY_SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** A number of bytes with binary units, as docker prints memory: `7.652GiB`. */
export function binarySize(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < BINARY_SIZES.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${shortest(size, 4)}${BINARY_SIZES[unit] ?? ""}`;
}

/** Go's %.<digits>g for numbers below 10^digits; 1000 of three digits would be 1e+03. */
function shortest(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  // Neither zeros at the end nor an exponent: nearly always, and then there is nothing to do.
  if (text.length <= digits + 1 && !text.endsWith("0")) return text;
  return text.includes("e") ? String(Math.round(value)) : String(Number(text));
}

const [MINUTE, HOUR] = [60, 3600];
const [DAY, WEEK, MONTH, YEAR] = [24, 24 * 7, 24 * 30, 24 * 365];

/** A length of time in milliseconds in docker's words: `About an hour`, `3 weeks`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds < MINUTE) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes < 60) return minutes === 1 ? "About a minute" : `${minutes} minutes`;
  const hours = Math.floor(milliseconds / 1000 / HOUR + 0.5);
  if (hours < 48) return hours === 1 ? "About an hour" : `${hours} hours`;
  if (hours < WEEK * 2) return `${Math.floor(hours / DAY)} days`;
  if (hours < MONTH * 2) return `${Math.floor(hours / WEEK)} weeks`;
  if (hours < YEAR * 2) return `${Math.floor(hours / MONTH)} months`;
  return `${Math.floor(hours / YEAR)} years`;
}

/** `3 weeks ago`; docker's `N/A` where no time is known. @param seconds since the epoch @param now in milliseconds */
export function ago(seconds: number, now: number): string {
  return seconds > 0 ? `${humanDuration(now - seconds * 1000)} ago` : "N/A";
}

/** A time as Go prints it, in UTC: `2024-01-31 12:00:00 +0000 UTC`. */
export function goTime(time: string): string {
  const then = Date.parse(time);
  if (Number.isNaN(then)) return "N/A";
  return new Date(then).toISOString().slice(0, 19).replace("T", " ") + " +0000 UTC";
}
