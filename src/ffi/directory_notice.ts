/** A signal when something in a directory changes: fcntl(2), "File and directory change notification". */
import { raw } from "./libc.ts";

const F_SETSIG = 10;
const F_NOTIFY = 1026;
const DN_MODIFY = 2;
const DN_MULTISHOT = 0x80000000;
const SIGURG = 23;

/**
 * What the signal is called that {@link noticeChanges} asks for. By default it is ignored, so one that comes late
 * harms nobody.
 */
export const NOTICE_SIGNAL = "SIGURG";

/**
 * Has the kernel send us {@link NOTICE_SIGNAL} each time a file of an open directory is written or, in a control group,
 * reports an event, until the descriptor is closed. Unlike inotify's, such watches are not counted.
 * @returns false when the kernel has no such thing
 */
export function noticeChanges(directory: number): boolean {
  return raw("fcntl", directory, F_SETSIG, SIGURG) === 0 &&
    raw("fcntl", directory, F_NOTIFY, DN_MODIFY | DN_MULTISHOT) === 0;
}
