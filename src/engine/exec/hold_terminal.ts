/**
 * The role that keeps a terminal open whose user has gone: a terminal that is closed hangs up what runs on
 * it, and one that nobody reads stops it.
 */
import { address, raw } from "../../ffi/libc.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { closeFile } from "../../ffi/quick_files.ts";
import { startDetached } from "../../rootless/monitor_process.ts";
import type { SelfCommand } from "../../rootless/worker.ts";

/** First argument of a process in this role. */
export const HOLDER = "@terminal";

/** The terminal's master is the first descriptor it is started with. */
const MASTER = 3;
const PIECE = 65536;
const F_SETFL = 4;

/** Hands a terminal's master over to a process of its own, and closes ours. @throws SyscallError */
export function holdTerminal(master: number, self: SelfCommand): void {
  startDetached(self, HOLDER, {}, [master]);
  closeFile(master);
}

/** Reads what is written to the terminal, for nobody, until the last process on it has closed it. */
export function holderMain(): number {
  const buffer = new Uint8Array(PIECE);
  const at = address(buffer);
  // Non-blocking was for the relay that had it before; there is nothing else to do here than to wait.
  raw("fcntl", MASTER, F_SETFL, 0);
  for (;;) {
    const length = raw("read", MASTER, at, PIECE);
    if (length <= 0 && length !== -ERRNO.EINTR) return 0;
  }
}
