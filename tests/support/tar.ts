/** Writes tar archives for tests: ustar with pax headers where ustar is too small. Also hostile ones. */

/** One member of an archive. Nothing is checked: hostile archives are made with it too. */
export interface TarEntry {
  path: string;
  /** Default: `file`. */
  type?: "file" | "link" | "symlink" | "char" | "block" | "directory" | "fifo";
  content?: string | Uint8Array;
  /** Target of a link or symlink. */
  target?: string;
  /** Permission bits; default 0o755 for directories, 0o644 otherwise. */
  mode?: number;
  uid?: number;
  gid?: number;
  /** Seconds since 1970, with a fraction if wanted; default 0. */
  mtime?: number;
  /** Numbers of a device. */
  device?: { major: number; minor: number };
  /** Further pax records, such as `SCHILY.xattr.user.x`. */
  pax?: Record<string, string>;
  /** The size in the header when it shall lie. */
  claimedSize?: number;
}

const TYPE_FLAGS = {
  file: "0",
  link: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const;

const BLOCK = 512;
const encoder = new TextEncoder();

/** The archive, with the two empty blocks that end it. */
export function tar(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const parts = entries.flatMap(member);
  parts.push(new Uint8Array(2 * BLOCK));
  return concatenated(parts);
}

function member(entry: TarEntry): Uint8Array[] {
  const content = typeof entry.content === "string"
    ? encoder.encode(entry.content)
    : entry.content ?? new Uint8Array(0);
  const records = paxRecords(entry);
  const size = entry.claimedSize ?? content.length;
  const parts = [header(entry, TYPE_FLAGS[entry.type ?? "file"], size), ...padded(content)];
  if (records.length === 0) return parts;
  const pax = encoder.encode(records);
  const paxHeader = header({ path: "pax", mode: 0o644 }, "x", pax.length);
  return [paxHeader, ...padded(pax), ...parts];
}

/** Records for what does not fit the header: long names, ids, fractions of a second. */
function paxRecords(entry: TarEntry): string {
  const records: Record<string, string> = { ...entry.pax };
  if (encoder.encode(entry.path).length > 100) records["path"] ??= entry.path;
  if (encoder.encode(entry.target ?? "").length > 100) records["linkpath"] ??= entry.target ?? "";
  if (!Number.isInteger(entry.mtime ?? 0)) records["mtime"] ??= String(entry.mtime);
  if ((entry.uid ?? 0) > 0o7777777) records["uid"] ??= String(entry.uid);
  if ((entry.gid ?? 0) > 0o7777777) records["gid"] ??= String(entry.gid);
  return Object.entries(records).map(([key, value]) => paxRecord(key, value)).join("");
}

/** `LENGTH key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

function header(entry: TarEntry, flag: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const text = (offset: number, length: number, value: string) =>
    block.set(encoder.encode(value).subarray(0, length), offset);
  const number = (offset: number, length: number, value: number) => {
    const digits = Math.floor(value).toString(8);
    text(offset, length, digits.length < length ? digits.padStart(length - 1, "0") : "0");
  };
  text(0, 100, entry.path);
  number(100, 8, entry.mode ?? (entry.type === "directory" ? 0o755 : 0o644));
  number(108, 8, entry.uid ?? 0);
  number(116, 8, entry.gid ?? 0);
  number(124, 12, size);
  number(136, 12, entry.mtime ?? 0);
  text(148, 8, "        ");
  text(156, 1, flag);
  text(157, 100, entry.target ?? "");
  text(257, 8, "ustar\x0000");
  number(329, 8, entry.device?.major ?? 0);
  number(337, 8, entry.device?.minor ?? 0);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function padded(content: Uint8Array): Uint8Array[] {
  const rest = content.length % BLOCK;
  return rest === 0 ? [content] : [content, new Uint8Array(BLOCK - rest)];
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
