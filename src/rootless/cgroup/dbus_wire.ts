/**
 * Messages of D-Bus as bytes (D-Bus specification 0.43, "Message Protocol"): as much of it as talking to
 * systemd takes. What comes in is checked; nothing in it is trusted to be as long as it says.
 */
import { TsboxError } from "../../errors.ts";

export const MESSAGE = { call: 1, answer: 2, error: 3, signal: 4 } as const;

/** Numbers of the header fields. */
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  sender: 7,
  signature: 8,
} as const;

/** Bytes that a message to us may have: an error's text, or a signal about a unit. */
const MAX_MESSAGE = 1 << 18;
/** Bytes of a message before the header's fields. */
const FIXED = 16;
const NO_REPLY_EXPECTED = 1;

/** A value with its type, for a variant. */
export type Typed =
  | { type: "s"; value: string }
  | { type: "b"; value: boolean }
  | { type: "t"; value: bigint }
  | { type: "au"; value: readonly number[] };

/** Appends values with their alignment; little-endian. */
export class WireWriter {
  #bytes: number[] = [];

  align(size: number): void {
    while (this.#bytes.length % size !== 0) this.#bytes.push(0);
  }

  byte(value: number): void {
    this.#bytes.push(value & 255);
  }

  word(value: number): void {
    this.align(4);
    for (let shift = 0; shift < 32; shift += 8) this.byte(value >>> shift);
  }

  /** A string or an object path. */
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.word(bytes.length);
    this.#bytes.push(...bytes, 0);
  }

  signature(value: string): void {
    this.byte(value.length);
    this.#bytes.push(...new TextEncoder().encode(value), 0);
  }

  /** A `u` array of what `fill` appends, whose elements are aligned to `alignment`. */
  array(alignment: number, fill: () => void): void {
    this.word(0);
    const at = this.#bytes.length - 4;
    this.align(alignment);
    const start = this.#bytes.length;
    fill();
    const length = this.#bytes.length - start;
    for (let i = 0; i < 4; i++) this.#bytes[at + i] = (length >>> (i * 8)) & 255;
  }

  variant(typed: Typed): void {
    this.signature(typed.type);
    if (typed.type === "s") this.text(typed.value);
    else if (typed.type === "b") this.word(typed.value ? 1 : 0);
    else if (typed.type === "au") this.array(4, () => typed.value.forEach((n) => this.word(n)));
    else {
      this.align(8);
      this.word(Number(typed.value & 0xffffffffn));
      this.word(Number(typed.value >> 32n));
    }
  }

  get length(): number {
    return this.#bytes.length;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** A method call. */
export interface Call {
  destination: string;
  path: string;
  interface: string;
  member: string;
  signature?: string;
  body?: (writer: WireWriter) => void;
  /** Nobody waits for the answer. */
  silent?: boolean;
}

/** The bytes of a method call. @param serial not 0 */
export function encodeCall(call: Call, serial: number): Uint8Array {
  const body = new WireWriter();
  call.body?.(body);
  const message = new WireWriter();
  for (const byte of [108, MESSAGE.call, call.silent ? NO_REPLY_EXPECTED : 0, 1]) {
    message.byte(byte); // 108 is "l": little-endian
  }
  message.word(body.length);
  message.word(serial);
  const texts = [
    [FIELD.path, "o", call.path],
    [FIELD.interface, "s", call.interface],
    [FIELD.member, "s", call.member],
    [FIELD.destination, "s", call.destination],
  ] as const;
  message.array(8, () => {
    for (const [field, type, value] of texts) {
      message.align(8);
      message.byte(field);
      message.signature(type);
      message.text(value);
    }
    if (call.signature === undefined) return;
    message.align(8);
    message.byte(FIELD.signature);
    message.signature("g");
    message.signature(call.signature);
  });
  message.align(8);
  const head = message.bytes();
  const all = new Uint8Array(head.length + body.length);
  all.set(head);
  all.set(body.bytes(), head.length);
  return all;
}

/** What a message to us says; texts are empty and numbers 0 when it does not have them. */
export interface Message {
  kind: number;
  replySerial: number;
  member: string;
  interface: string;
  path: string;
  sender: string;
  errorName: string;
  signature: string;
  body: WireReader;
}

/** Takes values out of bytes. @throws TsboxError "corrupt" when there are fewer than they say */
export class WireReader {
  readonly #view: DataView;
  readonly #little: boolean;
  at = 0;

  constructor(bytes: Uint8Array, little: boolean) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = little;
  }

  #take(count: number): number {
    const at = this.at;
    if (count > this.#view.byteLength - at) throw malformed();
    this.at += count;
    return at;
  }

  align(size: number): void {
    this.#take((size - (this.at % size)) % size);
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  word(): number {
    this.align(4);
    return this.#view.getUint32(this.#take(4), this.#little);
  }

  #bytesOf(length: number): string {
    const at = this.#take(length + 1);
    const { buffer, byteOffset } = this.#view;
    return new TextDecoder().decode(new Uint8Array(buffer, byteOffset + at, length));
  }

  text(): string {
    return this.#bytesOf(this.word());
  }

  signature(): string {
    return this.#bytesOf(this.byte());
  }
}

/**
 * The length of the message that begins in `bytes`; undefined while too little of it is there to tell.
 * @throws TsboxError "corrupt" for what is none, "limit-exceeded" for one that is too long
 */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED) return undefined;
  const reader = new WireReader(bytes, isLittle(bytes));
  reader.at = 3;
  if (reader.byte() !== 1) throw malformed();
  const body = reader.word();
  reader.word();
  const fields = reader.word();
  const length = Math.ceil((FIXED + fields) / 8) * 8 + body;
  if (length <= MAX_MESSAGE) return length;
  throw new TsboxError(
    "limit-exceeded",
    "Cannot read a message of the session bus: it is too long",
  );
}

function isLittle(bytes: Uint8Array): boolean {
  if (bytes[0] === 108) return true;
  if (bytes[0] === 66) return false;
  throw malformed();
}

/** Takes a whole message apart. @throws TsboxError "corrupt" */
export function decodeMessage(bytes: Uint8Array): Message {
  const little = isLittle(bytes);
  const reader = new WireReader(bytes, little);
  reader.at = 1;
  const kind = reader.byte();
  reader.at = 12;
  const end = reader.word() + FIXED;
  const message: Omit<Message, "body"> = {
    kind,
    replySerial: 0,
    member: "",
    interface: "",
    path: "",
    sender: "",
    errorName: "",
    signature: "",
  };
  while (reader.at < end) readField(reader, message);
  reader.align(8);
  return { ...message, body: new WireReader(bytes.subarray(reader.at), little) };
}

function readField(reader: WireReader, message: Omit<Message, "body">): void {
  reader.align(8);
  const field = reader.byte();
  const type = reader.signature();
  if (type === "u") {
    const value = reader.word();
    if (field === FIELD.replySerial) message.replySerial = value;
    return;
  }
  if (type !== "s" && type !== "o" && type !== "g") throw malformed();
  const value = type === "g" ? reader.signature() : reader.text();
  if (field === FIELD.member) message.member = value;
  else if (field === FIELD.interface) message.interface = value;
  else if (field === FIELD.path) message.path = value;
  else if (field === FIELD.sender) message.sender = value;
  else if (field === FIELD.errorName) message.errorName = value;
  else if (field === FIELD.signature) message.signature = value;
}

function malformed(): TsboxError {
  return new TsboxError("corrupt", "Cannot read a message of the session bus: it is malformed");
}
