/** Writes tar archives for tests, byte by byte, so that a test can make the ones no program would. */

const BLOCK = 512;

export interface Member {
  name: string;
  /** Type flag; "0" when not given. */
  type?: string;
  body?: Uint8Array | string;
  /** In place of the body's length. */
  size?: number | bigint;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  /** Seconds. */
  mtime?: number;
  /** "ustar\0" + "00" when not given; "ustar  \0" is GNU's; "" makes a v7 header. */
  magic?: string;
  prefix?: string;
  device?: [major: number, minor: number];
  /** Bytes to put into the finished header, before its checksum is made: offset to bytes. */
  patch?: Record<number, Uint8Array | string>;
}

function bytes(text: Uint8Array | string): Buffer {
  return typeof text === "string" ? Buffer.from(text, "utf8") : Buffer.from(text);
}

/** Octal with a closing NUL, or GNU's base-256 when that is too short. */
function number(value: number | bigint, length: number): Buffer {
  const octal = BigInt(value) < 0n ? "" : BigInt(value).toString(8);
  if (octal !== "" && octal.length < length) {
    return Buffer.from(`${octal.padStart(length - 1, "0")}\0`);
  }
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, BigInt(value));
  for (let i = length - 1; i >= 0; i--, rest >>= 8n) field[i] = Number(rest & 0xffn);
  if (BigInt(value) >= 0n) field[0] = 0x80;
  return field;
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

/** A header block with its body. */
export function member(m: Member): Buffer {
  const body = bytes(m.body ?? "");
  const head = Buffer.alloc(BLOCK);
  const put = (at: number, value: Uint8Array | string) => bytes(value).copy(head, at);
  put(0, bytes(m.name).subarray(0, 100));
  put(100, number(m.mode ?? 0o644, 8));
  put(108, number(m.uid ?? 0, 8));
  put(116, number(m.gid ?? 0, 8));
  put(124, number(m.size ?? body.length, 12));
  put(136, number(m.mtime ?? 0, 12));
  put(156, m.type ?? "0");
  put(157, bytes(m.link ?? "").subarray(0, 100));
  put(257, m.magic ?? "ustar\x0000");
  if (m.device) {
    put(329, number(m.device[0], 8));
    put(337, number(m.device[1], 8));
  }
  put(345, m.prefix ?? "");
  for (const [at, value] of Object.entries(m.patch ?? {})) put(Number(at), value);
  put(148, "        ");
  const sum = head.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return Buffer.concat([head, padded(body)]);
}

export const file = (name: string, body: Uint8Array | string = "", more: Partial<Member> = {}) =>
  member({ name, body, ...more });
export const directory = (name: string, more: Partial<Member> = {}) =>
  member({ name, type: "5", mode: 0o755, ...more });
export const symlink = (name: string, link: string, more: Partial<Member> = {}) =>
  member({ name, type: "2", link, mode: 0o777, ...more });
export const hardlink = (name: string, link: string, more: Partial<Member> = {}) =>
  member({ name, type: "1", link, ...more });

/** An extended header; `records` in order, so that keys can repeat. */
export function pax(records: [key: string, value: Uint8Array | string][], type = "x"): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), bytes(value), Buffer.from("\n")]);
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length++;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  }));
  return member({ name: "PaxHeaders/x", type, body });
}

/** GNU's long name (type "L") or long link target (type "K") for the next member. */
export function gnuLong(type: "L" | "K", text: string): Buffer {
  return member({ name: "././@LongLink", type, body: `${text}\0`, magic: "ustar  \0" });
}

/** One field of an old GNU sparse map. */
export function oldRegion(offset: number, length: number): Buffer {
  return Buffer.concat([number(offset, 12), number(length, 12)]);
}

export { number as tarNumber };

/** The members with the two zero blocks that end an archive. */
export function archive(...members: Uint8Array[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(2 * BLOCK)]);
}
