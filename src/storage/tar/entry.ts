/** What an archive says about one file. */
import type { ByteString, Time } from "../../ffi/files.ts";
import { TsboxError } from "../../errors.ts";

export type EntryKind = "file" | "directory" | "symlink" | "hardlink" | "device" | "fifo";

/** Bytes of a sparse file that are in the archive; all others are holes. */
export interface SparseRegion {
  offset: number;
  length: number;
}

export interface ExtendedAttribute {
  name: ByteString;
  value: Uint8Array;
}

/** One member of an archive, as it says it is: nothing here was checked against a file system. */
export interface TarEntry {
  kind: EntryKind;
  /** Bytes, one a character; may be absolute, may hold "..". */
  name: ByteString;
  /** What a symlink or hardlink points to. */
  link: ByteString;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  mtime: Time;
  /** Bytes of the file, holes included; 0 for all that is no file. */
  size: number;
  /** Bytes of it in the archive. */
  stored: number;
  xattrs: ExtendedAttribute[];
  /** Undefined: the file has no holes. */
  sparse?: SparseRegion[];
}

/** Receives an archive piece by piece. Data belong to the last entry; what is thrown ends the reading. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** The next bytes of the entry, at `position` of the file. Valid during the call only. */
  data(bytes: Uint8Array, position: number): void;
  /** All bytes of a `file` were given. */
  endFile(): void;
}

/** An archive that is not what the formats allow. */
export function corruptArchive(why: string): TsboxError {
  return new TsboxError("corrupt", `Cannot unpack the layer: ${why}`);
}

/** An archive that is larger than it may be. */
export function oversizedArchive(why: string, hint?: string): TsboxError {
  return new TsboxError("limit-exceeded", `Cannot unpack the layer: ${why}`, hint ? { hint } : {});
}

/** A name for a message: short, and nothing that moves a terminal's cursor. */
export function shown(name: ByteString): string {
  const text = Buffer.from(name.slice(0, 200), "latin1").toString("utf8");
  return JSON.stringify(text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?"));
}
