/** What a monitor and its clients say to each other over its socket: a kind, a length, that many bytes. */
import { TsboxError } from "../../errors.ts";

/** Client to monitor: request, input, end of input, size of the terminal, signal, detach, exec from machine code. */
export type ClientFrame =
  | "request"
  | "input"
  | "input-end"
  | "resize"
  | "signal"
  | "detach"
  | "quick-exec";
/**
 * Monitor to client: answer to the request, output, the end of the container's process, output was too much for you,
 * answer to machine code.
 */
export type MonitorFrame = "answer" | "stdout" | "stderr" | "exit" | "cut" | "quick-answer";
export type FrameKind = ClientFrame | MonitorFrame;

/** By their numbers, which a command line and a monitor of another version know, too: new ones go behind. */
const KINDS: readonly FrameKind[] = [
  "request",
  "input",
  "input-end",
  "resize",
  "signal",
  "detach",
  "answer",
  "stdout",
  "stderr",
  "exit",
  "cut",
  "quick-exec",
  "quick-answer",
];
const HEADER = 5;
/** Bytes of a frame's content at most: neither side makes the other one hoard. */
export const MAX_FRAME = 1 << 20;

export interface Frame {
  kind: FrameKind;
  bytes: Uint8Array;
}

/** The frame on the wire: one byte of kind, the length in four bytes (little endian), the content. */
export function frame(kind: FrameKind, bytes: Uint8Array = new Uint8Array()): Uint8Array {
  const whole = new Uint8Array(HEADER + bytes.length);
  whole[0] = KINDS.indexOf(kind);
  new DataView(whole.buffer).setUint32(1, bytes.length, true);
  whole.set(bytes, HEADER);
  return whole;
}

/** A frame whose content is a value as JSON. */
export function jsonFrame(kind: FrameKind, value: unknown): Uint8Array {
  return frame(kind, new TextEncoder().encode(JSON.stringify(value)));
}

/** The value in a frame. @throws SyntaxError */
export function jsonOf({ bytes }: Frame): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Puts frames together from the pieces that a socket gives. */
export class FrameReader {
  #rest = new Uint8Array(0);

  /** The frames that are complete with these bytes. @throws TsboxError "invalid-argument" for what is none of ours */
  push(bytes: Uint8Array): Frame[] {
    let rest = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    const frames: Frame[] = [];
    while (rest.length >= HEADER) {
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(1, true);
      const kind = KINDS[rest[0] ?? KINDS.length];
      if (kind === undefined || length > MAX_FRAME) {
        throw new TsboxError("invalid-argument", "Cannot understand what came over the socket");
      }
      if (rest.length < HEADER + length) break;
      frames.push({ kind, bytes: rest.slice(HEADER, HEADER + length) });
      rest = rest.subarray(HEADER + length);
    }
    // A copy: the socket may use its memory again.
    this.#rest = rest.slice();
    return frames;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
