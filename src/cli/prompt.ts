/** Asks the user on the terminal, and reads secrets that come through standard input. */
import { read } from "node:fs";
import { holdSilent } from "../engine/raw_terminal.ts";
import { TsboxError } from "../errors.ts";
import type { CliIo } from "./io.ts";

/** Bytes: a line of a terminal, or a token. */
const MAX_INPUT = 64 * 1024;
/** Milliseconds between attempts on a descriptor that another program left non-blocking. */
const RETRY = 20;

/** One line that the user types; empty at the end of input. */
export async function ask(io: Pick<CliIo, "out">, question: string): Promise<string> {
  io.out(question);
  return (await readUntil((text) => text.includes("\n"))).replace(/\r?\n.*$/s, "");
}

/** A line that is not shown while it is typed; the terminal is given back whatever happens. */
export async function askSecret(io: Pick<CliIo, "out">, question: string): Promise<string> {
  // Before the question: whoever answers it by a program types at once.
  const terminal = holdSilent(0);
  try {
    return await ask(io, question);
  } finally {
    terminal.restore();
    io.out("\n");
  }
}

/**
 * All of standard input, without the line's end that `echo` writes.
 * @throws TsboxError("limit-exceeded") when it is no password
 */
export async function readSecretInput(): Promise<string> {
  return (await readUntil(() => false)).replace(/\r?\n$/, "");
}

/** Reads standard input to its end or until `enough`. */
async function readUntil(enough: (text: string) => boolean): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let length = 0;;) {
    const chunk = await readSome();
    length += chunk.length;
    if (length > MAX_INPUT) {
      throw new TsboxError("limit-exceeded", `Standard input has more than ${MAX_INPUT} bytes`);
    }
    chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    if (chunk.length === 0 || enough(text)) return text;
  }
}

/** In a thread: a signal must be able to give the terminal back while we wait. Empty at the end. */
async function readSome(): Promise<Uint8Array> {
  for (;;) {
    const chunk = await new Promise<Uint8Array | undefined>((resolve, reject) => {
      const buffer = new Uint8Array(4096);
      read(0, buffer, 0, buffer.length, null, (error, length) => {
        if (error === null) resolve(buffer.subarray(0, length));
        else if (error.code === "EAGAIN" || error.code === "EINTR") resolve(undefined);
        else reject(error);
      });
    });
    if (chunk !== undefined) return chunk;
    await Bun.sleep(RETRY);
  }
}
