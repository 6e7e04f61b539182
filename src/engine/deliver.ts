/** Writing to descriptors that may be slow to take, without ever blocking this thread. */
import { ERRNO } from "../ffi/errno.ts";
import { address, raw } from "../ffi/libc.ts";
import { isWritable } from "../ffi/readiness.ts";

/** A piece that is taken whole when poll(2) says "writable", also by a blocking pipe (PIPE_BUF). */
const PIECE = 4096;
/** Milliseconds between attempts while the other side takes nothing: at first, and at most. */
const WAIT = { first: 1, most: 32 } as const;

/** Where bytes go. A descriptor number may be someone else's once it is closed. */
export interface Sink {
  fd: number;
  open: boolean;
  /** Most bytes of one write(2); more than a piece only where a write does not wait for a reader. */
  piece?: number;
}

/**
 * Writes all bytes in order. While it waits the event loop goes on: signals and other streams are served.
 * @returns 0, or the errno that ended it (EPIPE: nobody reads any more, or the sink was closed)
 */
export async function deliver(sink: Sink, bytes: Uint8Array): Promise<number> {
  let rest = bytes;
  let wait: number = WAIT.first;
  while (rest.length > 0) {
    if (!sink.open) return ERRNO.EPIPE;
    const taken = isWritable(sink.fd)
      ? raw("write", sink.fd, address(rest), Math.min(rest.length, sink.piece ?? PIECE))
      : -ERRNO.EAGAIN;
    if (taken >= 0) {
      rest = rest.subarray(taken);
      wait = WAIT.first;
    } else if (taken === -ERRNO.EAGAIN) {
      await Bun.sleep(wait);
      wait = Math.min(wait * 2, WAIT.most);
    } else if (taken !== -ERRNO.EINTR) return -taken;
  }
  return 0;
}
