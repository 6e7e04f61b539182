/**
 * An `exec` without flags as scripts/compile/early_exec_x64.s asks for it, which knows no JSON: the pid, three
 * descriptors, each in four bytes (little endian), and the command's words, each with a zero behind it.
 */
import { plainExec } from "../../container/exec_options.ts";
import { TsboxError } from "../../errors.ts";
import { type Frame, frame } from "./frames.ts";
import type { ExecAnswer, MonitoredExec } from "./request.ts";

/** Bytes in front of the words. */
const NUMBERS = 16;

/**
 * What a frame asks for; undefined when words are no UTF-8: nothing may be made of them that they are not.
 * @throws TsboxError "invalid-argument" for what is none of ours
 */
export function quickExec({ bytes }: Frame): MonitoredExec | undefined {
  if (bytes.length <= NUMBERS || bytes[bytes.length - 1] !== 0) {
    throw new TsboxError("invalid-argument", "Cannot understand what is to be executed");
  }
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, NUMBERS);
  const number = (at: number) => numbers.getUint32(at * 4, true);
  const text = textOf(bytes.subarray(NUMBERS, -1));
  if (text === undefined) return undefined;
  return {
    // Whose socket it is says which container is meant.
    options: plainExec("", text.split("\0")),
    pid: number(0),
    descriptors: [number(1), number(2), number(3)],
  };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The frame that tells the exit status; an empty one when nothing was executed, and the caller has to do it or to say
 * why not; undefined when nobody knows. Errors that are meant for users come before the command's execve, and only those.
 */
export async function quickAnswer(work: Promise<ExecAnswer>): Promise<Uint8Array | undefined> {
  try {
    const answer = await work;
    return frame("quick-answer", Uint8Array.from(answer === "declined" ? [] : [answer.status]));
  } catch (thrown) {
    return thrown instanceof TsboxError ? frame("quick-answer") : undefined;
  }
}
