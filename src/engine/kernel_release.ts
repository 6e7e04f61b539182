import { readText } from "../ffi/quick_files.ts";

/** The release of the running kernel, as `uname -r`. */
export function kernelRelease(): string {
  return readText("/proc/sys/kernel/osrelease").trim();
}
