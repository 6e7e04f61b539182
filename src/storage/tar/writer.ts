/**
 * Writes tar archives: ustar headers (POSIX.1-1988), and pax extended headers (POSIX.1-2001) for what
 * does not fit into one. The same members make the same bytes, always.
 *
 * These functions make bytes and know no file: an archive is, for each member, its header, `stored` bytes of
 * data and their padding, and {@link ARCHIVE_END} at last.
 */
import type { ByteString, Time } from "../../ffi/files.ts";
import type { EntryKind, ExtendedAttribute, SparseRegion } from "./entry.ts";
import { BLOCK } from "./header.ts";

/** A member to be written. Names and values are bytes, one a character. */
export interface NewMember {
  kind: Exclude<EntryKind, "device">;
  /** Relative; that of a directory gets its closing slash here. */
  name: ByteString;
  /** What a symlink or hardlink points to. */
  link?: ByteString;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  mtime: Time;
  /** Bytes of the file, holes included; 0 for all that is no file. */
  size: number;
  xattrs?: readonly ExtendedAttribute[];
  /** Where the data of a file with holes are, in order; undefined: everywhere. */
  sparse?: readonly SparseRegion[];
}

/** The two blocks that end an archive. */
export const ARCHIVE_END: Uint8Array = new Uint8Array(2 * BLOCK);

const TYPES: Readonly<Record<NewMember["kind"], string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  directory: "5",
  fifo: "6",
};

/** Largest values of octal fields with a closing NUL. */
const MAX_8 = 0o7777777;
const MAX_12 = 0o77777777777;
const NAME_SIZE = 100;

/** Zeros after `size` bytes of data, up to the next block. */
export function paddingAfter(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/**
 * Everything that goes before a member's data: its pax header where it needs one, its header, and the map of
 * a sparse file. After it come the bytes of the file, of a sparse one those of its regions only, and
 * {@link paddingAfter} them.
 */
export function memberHeader(member: NewMember): Uint8Array {
  const name = fullName(member);
  const map = member.sparse === undefined ? Buffer.alloc(0) : sparseMap(member.sparse, member.size);
  const stored = map.length + storedSize(member);
  const records = paxRecords(member, name, stored);
  const shownName = member.sparse === undefined ? name : `GNUSparseFile.0/${name}`;
  const header = headerBlock(member, shownName, stored);
  if (records.length === 0) return header;
  return Buffer.concat([...paxMember(name, records), header, map]);
}

/** Bytes of data that follow the header. */
export function storedSize({ size, sparse }: NewMember): number {
  return sparse === undefined ? size : sparse.reduce((sum, { length }) => sum + length, 0);
}

function fullName({ kind, name }: NewMember): ByteString {
  return kind === "directory" && !name.endsWith("/") ? `${name}/` : name;
}

/**
 * The map of GNU's sparse format 1.0: a count, then offsets and lengths, a number a line, padded. GNU tar takes the
 * end of the last region for the end of the file.
 */
function sparseMap(sparse: readonly SparseRegion[], size: number): Buffer {
  const last = sparse.at(-1);
  const ends = last !== undefined && last.offset + last.length === size;
  const regions = ends ? sparse : [...sparse, { offset: size, length: 0 }];
  const numbers = regions.flatMap(({ offset, length }) => [offset, length]);
  const text = [regions.length, ...numbers].map((number) => `${number}\n`).join("");
  return Buffer.concat([Buffer.from(text, "latin1"), paddingAfter(text.length)]);
}

function paxRecords(member: NewMember, name: ByteString, stored: number): string {
  const { link = "", uid, gid, mtime, size, xattrs = [], sparse } = member;
  const records: [key: ByteString, value: ByteString][] = [];
  if (sparse !== undefined) {
    records.push(["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"]);
    records.push(["GNU.sparse.name", name], ["GNU.sparse.realsize", String(size)]);
  } else if (!fits(name)) records.push(["path", name]);
  if (!fits(link)) records.push(["linkpath", link]);
  if (stored > MAX_12) records.push(["size", String(stored)]);
  if (uid > MAX_8) records.push(["uid", String(uid)]);
  if (gid > MAX_8) records.push(["gid", String(gid)]);
  if (mtime.nanoseconds !== 0 || mtime.seconds < 0 || mtime.seconds > MAX_12) {
    records.push(["mtime", timeText(mtime)]);
  }
  for (const { name: key, value } of xattrs) {
    records.push([`SCHILY.xattr.${key}`, Buffer.from(value).toString("latin1")]);
  }
  return records.map(([key, value]) => paxRecord(key, value)).join("");
}

/** What is no ASCII means nothing certain in a ustar header, and UTF-8 in a pax one. */
function fits(name: ByteString): boolean {
  return name.length <= NAME_SIZE && /^[ -~]*$/.test(name);
}

/** `length key=value\n`, the length counting itself. */
function paxRecord(key: ByteString, value: ByteString): ByteString {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (String(length).length > String(rest.length).length) length++;
  return `${length}${rest}`;
}

/** Decimal; the fraction of a time before 1970 counts backwards. */
function timeText({ seconds, nanoseconds }: Time): string {
  if (seconds >= 0) return fractionText(seconds, nanoseconds, "");
  return nanoseconds === 0
    ? String(seconds)
    : fractionText(-seconds - 1, 1_000_000_000 - nanoseconds, "-");
}

function fractionText(seconds: number, nanoseconds: number, sign: string): string {
  if (nanoseconds === 0) return `${sign}${seconds}`;
  const fraction = String(nanoseconds).padStart(9, "0").replace(/0+$/, "");
  return `${sign}${seconds}.${fraction}`;
}

function paxMember(name: ByteString, records: ByteString): Buffer[] {
  const body = Buffer.from(records, "latin1");
  const leaf = name.replace(/\/$/, "").replace(/.*\//s, "");
  const header = headerBlock(
    { kind: "file", mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } },
    `PaxHeaders.0/${leaf}`,
    body.length,
    "x",
  );
  return [header, body, Buffer.from(paddingAfter(body.length))];
}

type HeaderFields = Pick<NewMember, "kind" | "link" | "mode" | "uid" | "gid" | "mtime">;

/** Names that are too long are cut here: the pax header has them whole. */
function headerBlock(
  { kind, link = "", mode, uid, gid, mtime }: HeaderFields,
  name: ByteString,
  size: number,
  type: string = TYPES[kind],
): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name.slice(0, NAME_SIZE), 0, "latin1");
  block.write(octal(mode & 0o7777, 8), 100, "latin1");
  block.write(octal(uid, 8), 108, "latin1");
  block.write(octal(gid, 8), 116, "latin1");
  block.write(octal(size, 12), 124, "latin1");
  block.write(octal(Math.max(mtime.seconds, 0), 12), 136, "latin1");
  block.write(type, 156, "latin1");
  block.write(link.slice(0, NAME_SIZE), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** What does not fit is 0: the pax header says it. */
function octal(value: number, length: number): string {
  const digits = value.toString(8);
  return (digits.length < length ? digits : "").padStart(length - 1, "0") + "\0";
}

/** The sum of all bytes, those of the checksum itself taken as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) sum += block[i] ?? 0;
  return sum;
}
