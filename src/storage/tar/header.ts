/**
 * Header blocks of tar: v7, ustar (POSIX.1-1988), star and GNU tar.
 * The field table is that of the tar(5) manual pages of FreeBSD and GNU.
 */
import type { ByteString } from "../../ffi/files.ts";
import { corruptArchive } from "./entry.ts";

export const BLOCK = 512;

/** The fields of one header block, before extended headers change them. */
export interface Header {
  /** Type flag, one character; "\0" of old archives is "0". */
  type: string;
  name: ByteString;
  link: ByteString;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Seconds; may be negative. */
  mtime: number;
}

/** Whether a block holds nothing but zeros: two of them end an archive. */
export function isZeroBlock(block: Buffer): boolean {
  return block[0] === 0 && block.every((byte) => byte === 0);
}

/**
 * Decodes a header block.
 * @throws TsboxError "corrupt" when its checksum or a number is wrong
 */
export function readHeader(block: Buffer): Header {
  checkSum(block);
  const type = String.fromCharCode(block[156] || 0x30);
  return {
    type,
    name: fullName(block),
    link: textField(block, 157, 100),
    mode: numberField(block, 100, 8) & 0o7777,
    uid: numberField(block, 108, 8),
    gid: numberField(block, 116, 8),
    size: numberField(block, 124, 12),
    mtime: numberField(block, 136, 12),
  };
}

function checkSum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    // Some old programs added bytes as signed characters.
    signed += byte < 128 ? byte : byte - 256;
  }
  const stored = storedSum(block);
  if (stored !== unsigned && stored !== signed) {
    throw corruptArchive("it is not a tar archive, or damaged: a header's checksum is wrong");
  }
}

/** Undefined for what is no number: then it is no header. */
function storedSum(block: Buffer): number | undefined {
  try {
    return numberField(block, 148, 8);
  } catch {
    return undefined;
  }
}

/** The ustar prefix field makes names of up to 256 bytes; GNU and star use its bytes for other things. */
function fullName(block: Buffer): ByteString {
  const name = textField(block, 0, 100);
  if (block.toString("latin1", 257, 263) !== "ustar\0") return name;
  const isStar = block.toString("latin1", 508, 512) === "tar\0";
  const prefix = textField(block, 345, isStar ? 131 : 155);
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Bytes up to the first NUL. */
export function textField(block: Buffer, at: number, length: number): ByteString {
  const end = block.indexOf(0, at);
  return block.toString("latin1", at, end < 0 || end > at + length ? at + length : end);
}

/**
 * A number: octal digits, or GNU's base-256 when the first bit is set.
 * @throws TsboxError "corrupt" when it is neither, or cannot be a whole number of a double
 */
export function numberField(block: Buffer, at: number, length: number): number {
  return (block[at] ?? 0) & 0x80 ? binaryNumber(block, at, length) : octalNumber(block, at, length);
}

/** Spaces or NULs, digits, and then a space or NUL after which all is ignored. */
function octalNumber(block: Buffer, at: number, length: number): number {
  const end = at + length;
  let i = at;
  while (i < end && isBlank(block[i])) i++;
  let value = 0;
  for (; i < end && !isBlank(block[i]); i++) {
    const digit = (block[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) throw corruptArchive("a number in a header is not octal");
    value = value * 8 + digit;
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

/** Two's complement, big-endian, without the first bit; the second one is the sign. */
function binaryNumber(block: Buffer, at: number, length: number): number {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = negative ? (block[at] ?? 0) - 256 : (block[at] ?? 0) & 0x7f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (block[i] ?? 0);
  if (!Number.isSafeInteger(value)) throw corruptArchive("a number in a header is out of range");
  return value;
}
