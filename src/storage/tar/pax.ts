/** Extended headers of POSIX.1-2001 ("pax"): records `length key=value\n` that go before an entry. */
import type { ByteString, Time } from "../../ffi/files.ts";
import { corruptArchive, type ExtendedAttribute } from "./entry.ts";

/** Bytes that one extended header may have; also what GNU's long names may have. */
export const MAX_EXTENSION = 1024 * 1024;

/** One record, in the order of the archive: GNU's first sparse format repeats keys. */
export interface PaxRecord {
  key: ByteString;
  value: ByteString;
}

/**
 * Splits the body of an extended header.
 * @throws TsboxError "corrupt" when a length does not fit its record
 */
export function readPaxRecords(body: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? "" : body.toString("latin1", at, space);
    const end = at + Number(digits);
    if (!/^[1-9][0-9]{0,9}$/.test(digits) || end > body.length || body[end - 1] !== 0x0a) {
      throw corruptArchive("an extended header is malformed");
    }
    const equals = body.indexOf(0x3d, space);
    if (equals < 0 || equals >= end) throw corruptArchive("an extended header has no value");
    records.push({
      key: body.toString("latin1", space + 1, equals),
      value: body.toString("latin1", equals + 1, end - 1),
    });
    at = end;
  }
  return records;
}

/** The records in force for one entry: its own ones go before global ones, the last of a key counts. */
export class PaxValues {
  readonly records: readonly PaxRecord[];

  constructor(records: readonly PaxRecord[]) {
    this.records = records;
  }

  /** Undefined when not given, or taken back by an empty value. */
  text(key: ByteString): ByteString | undefined {
    const value = this.records.findLast((record) => record.key === key)?.value;
    if (value?.includes("\0")) throw corruptArchive(`the extended header "${key}" has a NUL byte`);
    return value === "" ? undefined : value;
  }

  /** A whole number that is not negative. */
  number(key: ByteString): number | undefined {
    const value = this.text(key);
    return value === undefined ? undefined : wholeNumber(value, key);
  }

  time(key: ByteString): Time | undefined {
    const value = this.text(key);
    return value === undefined ? undefined : parseTime(value);
  }

  /** All values of a key, oldest first. */
  all(key: ByteString): ByteString[] {
    return this.records.filter((record) => record.key === key).map((record) => record.value);
  }

  /** `SCHILY.xattr.NAME=VALUE`: what star, GNU tar and Go write. Values are bytes. */
  attributes(): ExtendedAttribute[] {
    const found = new Map<ByteString, ExtendedAttribute>();
    for (const { key, value } of this.records) {
      if (!key.startsWith(ATTRIBUTE_PREFIX)) continue;
      const name = key.slice(ATTRIBUTE_PREFIX.length);
      found.set(name, { name, value: Buffer.from(value, "latin1") });
    }
    return [...found.values()];
  }
}

const ATTRIBUTE_PREFIX = "SCHILY.xattr.";

/** @throws TsboxError "corrupt" unless it is a whole number a double can hold */
export function wholeNumber(text: string, what: string): number {
  const value = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw corruptArchive(`the extended header "${what}" is not a number`);
}

/** `-1.25` is 1.25 seconds before 1970: seconds -2 and 750,000,000 nanoseconds. */
export function parseTime(text: string): Time {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) throw corruptArchive("a time in an extended header is not a number");
  const [, sign, whole = "", fraction = ""] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}
