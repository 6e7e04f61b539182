/** Locks on open files. */
import { ERRNO } from "./errno.ts";
import { raw, SyscallError } from "./libc.ts";

const LOCK = { shared: 1, exclusive: 2, nonblocking: 4 } as const;

/** flock(2); false when `wait` is false and someone else holds it. @throws SyscallError */
export function flock(fd: number, mode: "shared" | "exclusive", wait: boolean): boolean {
  const operation = LOCK[mode] | (wait ? 0 : LOCK.nonblocking);
  for (;;) {
    const result = raw("flock", fd, operation);
    if (result === 0) return true;
    if (result === -ERRNO.EAGAIN) return false;
    if (result !== -ERRNO.EINTR) throw new SyscallError("lock a file", "flock", -result);
  }
}
