/** Executable files that exist in memory only and can never be changed again. */
import { ERRNO } from "./errno.ts";
import { F_ADD_SEALS, F_SEAL_ALL, MFD } from "./constants.ts";
import { address, nulTerminated, raw, sys } from "./libc.ts";

/** A new, empty memfd, close-on-exec; to be filled by {@link fillAndSeal}. @throws SyscallError */
export function emptyFile(name: string): number {
  const text = address(nulTerminated(name));
  const flags = MFD.CLOEXEC | MFD.ALLOW_SEALING;
  // Kernels before 6.3 do not know MFD_EXEC and need none.
  const fd = raw("memfd_create", text, flags | MFD.EXEC);
  if (fd >= 0) return fd;
  const retried = fd === -ERRNO.EINVAL ? flags : flags | MFD.EXEC;
  return sys("make a memory file", "memfd_create", text, retried);
}

/** Writes `bytes` and forbids any further change. @throws SyscallError */
export function fillAndSeal(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    const rest = bytes.subarray(done);
    done += sys("write a memory file", "write", fd, address(rest), rest.length);
  }
  sys("seal a memory file", "fcntl", fd, F_ADD_SEALS, F_SEAL_ALL);
}

/**
 * A sealed memfd holding `bytes`; the caller closes it.
 * @throws SyscallError
 */
export function sealedFile(name: string, bytes: Uint8Array): number {
  const fd = emptyFile(name);
  fillAndSeal(fd, bytes);
  return fd;
}
