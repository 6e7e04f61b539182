/** The reader of our standard output is gone (`tsbox images | head -1`); not worth a message. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** Milliseconds between attempts on a full non-blocking pipe or terminal. */
const RETRY = 2;

/**
 * Writes all of `text` to `fd` before it returns, also where another program left the descriptor
 * non-blocking. Throws OutputClosed on EPIPE. process.stdout is avoided: it starts threads and
 * loses output when the process exits.
 */
export function writeAll(fd: number, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(writeSome(fd, rest));
}

function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    // Loaded here: a run that has nothing to say never needs it, and it is slow to load.
    return process.getBuiltinModule("node:fs").writeSync(fd, bytes);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "EPIPE") throw new OutputClosed("standard output is closed", { cause: thrown });
    if (code === "EINTR") return 0;
    if (code !== "EAGAIN") throw thrown;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY);
    return 0;
  }
}
