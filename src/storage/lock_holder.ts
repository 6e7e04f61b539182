/** Which process holds a container's lock: for one that does not let go of it. */
import { SIGKILL } from "../ffi/constants.ts";
import { raw } from "../ffi/libc.ts";
import { closeFile, fileStatus, readTextIfAny } from "../ffi/quick_files.ts";

/** The pid of who holds the lock of the container in `directory` exclusively; undefined when nobody does, or unseen. */
export function lockHolder(directory: string): number | undefined {
  const file = fileStatus(`${directory}/lock`);
  if (file === undefined) return undefined;
  return holderIn(readTextIfAny("/proc/locks") ?? "", file);
}

/** Pure. @param locks the text of /proc/locks (proc(5)): `1: FLOCK  ADVISORY  WRITE 42 fe:00:1234 0 EOF` */
export function holderIn(
  locks: string,
  { device, inode }: { device: string; inode: number },
): number | undefined {
  const place = [...device.split(":").map(hex), String(inode)].join(":");
  for (const line of locks.split("\n")) {
    const [, type, , mode, pid, where] = line.split(/\s+/);
    if (type === "FLOCK" && mode === "WRITE" && where === place && Number(pid) > 0) {
      return Number(pid);
    }
  }
  return undefined;
}

function hex(decimal: string): string {
  return Number(decimal).toString(16).padStart(2, "0");
}

/** Kills who holds the lock, unless nobody can be seen to. */
export function killHolder(directory: string): void {
  const pid = lockHolder(directory);
  const handle = pid === undefined ? -1 : raw("pidfd_open", pid, 0);
  if (handle < 0) return;
  // Asked again, now that the number cannot come to mean another process unnoticed.
  if (lockHolder(directory) === pid) raw("pidfd_send_signal", handle, SIGKILL, 0, 0);
  closeFile(handle);
}
