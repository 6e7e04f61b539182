/** Executable files that exist in memory only and can never be changed again. */
import { F_ADD_SEALS, F_SEAL_ALL, MFD } from "./constants.ts";
import { address, nulTerminated, raw, sys } from "./libc.ts";

const EINVAL = 22;

/**
 * A sealed memfd holding `bytes`; the caller closes it.
 * @throws SyscallError
 */
export function sealedFile(name: string, bytes: Uint8Array): number {
  const text = nulTerminated(name);
  let fd = raw("memfd_create", address(text), MFD.CLOEXEC | MFD.ALLOW_SEALING | MFD.EXEC);
  // Kernels before 6.3 do not know MFD_EXEC and need none.
  if (fd === -EINVAL) {
    fd = sys("make a memory file", "memfd_create", address(text), MFD.CLOEXEC | MFD.ALLOW_SEALING);
  } else if (fd < 0) {
    sys(
      "make a memory file",
      "memfd_create",
      address(text),
      MFD.CLOEXEC | MFD.ALLOW_SEALING | MFD.EXEC,
    );
  }
  sys("write a memory file", "write", fd, address(bytes), bytes.length);
  sys("seal a memory file", "fcntl", fd, F_ADD_SEALS, F_SEAL_ALL);
  return fd;
}
