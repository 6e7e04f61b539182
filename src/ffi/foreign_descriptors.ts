/** Descriptors of another process of the same user, which has asked us to take them. */
import { PR } from "./constants.ts";
import { raw } from "./libc.ts";
import { closeFile } from "./quick_files.ts";

/**
 * Copies of another process's descriptors, close-on-exec; the caller's to close. Undefined when the kernel refuses
 * (it counts as debugging, see {@link allowTaking}), or the process is gone.
 * @param isIt whether the pid is that of the process; asked when it can no longer become another's unnoticed
 */
export function takeDescriptors(
  pid: number,
  descriptors: readonly number[],
  isIt: () => boolean,
): number[] | undefined {
  const process = raw("pidfd_open", pid, 0);
  if (process < 0) return undefined;
  const taken: number[] = [];
  if (isIt()) {
    for (const fd of descriptors) {
      const copy = raw("pidfd_getfd", process, fd, 0);
      if (copy >= 0) taken.push(copy);
    }
  }
  closeFile(process);
  if (taken.length === descriptors.length) return taken;
  for (const fd of taken) closeFile(fd);
  return undefined;
}

/** Lets one more process take our descriptors, where Yama lets only ancestors. */
export function allowTaking(pid: number): void {
  raw("prctl", PR.SET_PTRACER, pid);
}
