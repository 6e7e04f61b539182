/** The folder for what a reboot may forget. */
import { ensureDirectory, linkStatus } from "../ffi/quick_files.ts";
import { TsboxError } from "../errors.ts";

/** Write permission of the group and of others. */
const FOREIGN_WRITE = 0o022;

/**
 * Makes the folder where it is missing. Whoever can write to it could lead us to a user namespace of
 * theirs, or have our files written elsewhere by links: so it must be ours alone.
 * @throws TsboxError "host" when it is not, SyscallError when it cannot be made
 */
export function ensureRuntimeDir(path: string, uid: number): void {
  if (isOurs(path, uid)) return;
  ensureDirectory(path, 0o700);
  if (isOurs(path, uid)) return;
  throw new TsboxError("host", `Cannot use "${path}": it is not a folder of yours alone`, {
    hint: "remove it, or set XDG_RUNTIME_DIR to a folder that only you can write to",
  });
}

function isOurs(path: string, uid: number): boolean {
  const status = linkStatus(path);
  return status !== undefined && status.isDirectory && status.uid === uid &&
    (status.mode & FOREIGN_WRITE) === 0;
}
