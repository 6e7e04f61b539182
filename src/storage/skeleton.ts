import { O } from "../ffi/constants.ts";
import { ensureDirectory, exists, writeText } from "../ffi/quick_files.ts";

/** What every container mounts something on. */
const DIRECTORIES = ["", "/dev", "/proc", "/sys", "/etc"];
const LAST = "/etc/resolv.conf";
const FILES = ["/etc/hosts", "/etc/hostname", LAST];

/**
 * Absolute path of a layer that lies below all of an image's: empty mount points for what a container gets in
 * any case. Where an image lacks them they need not be made, and deleted again, in every container; where it
 * has something of its own, that counts. One system call when it is there.
 * @throws SyscallError
 */
export function skeletonLayer(dataRoot: string): string {
  const path = `${dataRoot}/skeleton`;
  if (exists(path + LAST)) return path;
  for (const directory of DIRECTORIES) ensureDirectory(path + directory, 0o755);
  // Of several processes that do this at once each makes the same.
  for (const file of FILES) writeText(path + file, "", 0o644, O.CREAT);
  return path;
}
