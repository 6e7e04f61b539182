import { TsboxError } from "../errors.ts";
import { ERRNO, errnoName } from "../ffi/errno.ts";
import { address, raw } from "../ffi/libc.ts";
import { waitWritable } from "../ffi/readiness.ts";

/** The reader of our standard output is gone (`tsbox images | head -1`); not worth a message. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** Milliseconds, at most, between attempts on a full non-blocking pipe or terminal. */
const RETRY = 100;

/**
 * Writes all of `text` to `fd` before it returns, also where another program left the descriptor
 * non-blocking. Throws OutputClosed on EPIPE. process.stdout is avoided: it starts threads and
 * loses output when the process exits; so is node:fs, which takes a millisecond to load.
 */
export function writeAll(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === 0) return;
  const start = address(bytes);
  for (let done = 0; done < bytes.length;) done += writeSome(fd, start + done, bytes.length - done);
}

/** Returns how many bytes were written, which may be none. */
function writeSome(fd: number, start: number, length: number): number {
  const result = raw("write", fd, start, length);
  if (result >= 0) return result;
  if (result === -ERRNO.EPIPE) throw new OutputClosed("standard output is closed");
  if (result === -ERRNO.EAGAIN) {
    waitWritable(fd, RETRY);
  } else if (result !== -ERRNO.EINTR) {
    throw new TsboxError("host", `Cannot write output: ${errnoName(-result)}`);
  }
  return 0;
}
