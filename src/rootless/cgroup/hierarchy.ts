/** The cgroup v2 hierarchy as this process sees it: where it is, where we are in it, what we may do there. */
import { O } from "../../ffi/constants.ts";
import { address, raw, SyscallError } from "../../ffi/libc.ts";
import {
  closeFile,
  exists,
  isReadWritable,
  openFile,
  readTextIfAny,
} from "../../ffi/quick_files.ts";

/** Where systemd mounts it: alone, or beside version 1. */
const MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

let mounted: string | undefined;

/** Where the version 2 hierarchy is mounted; undefined when it is not. */
export function hierarchyMount(): string | undefined {
  if (mounted !== undefined) return mounted;
  for (const mount of MOUNTS) if (exists(`${mount}/cgroup.controllers`)) return mounted = mount;
  return undefined;
}

/**
 * The absolute directory of a process's cgroup; undefined when there is no hierarchy, or the process is outside
 * of what our cgroup namespace shows.
 */
export function cgroupOf(pid: number | "self"): string | undefined {
  const mount = hierarchyMount();
  let path: string | undefined;
  for (const line of (readTextIfAny(`/proc/${pid}/cgroup`) ?? "").split("\n")) {
    if (line.startsWith("0::/")) path ??= line.slice("0::".length);
  }
  if (mount === undefined || path === undefined || path.startsWith("/..")) return undefined;
  return path === "/" ? mount : mount + path;
}

/** Whether we may make cgroups in a directory and put processes there. */
export function isOurs(directory: string): boolean {
  return isReadWritable(directory) && isReadWritable(`${directory}/cgroup.procs`);
}

/** Whether we may move a process between two cgroups: it takes the directory both are in. */
export function mayMove(from: string, to: string): boolean {
  return isReadWritable(`${commonAncestor(from, to)}/cgroup.procs`);
}

function commonAncestor(one: string, other: string): string {
  const [a, b] = [one.split("/"), other.split("/")];
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  return a.slice(0, same).join("/");
}

/** The directories from a cgroup's own upwards that are ours. */
export function ownAncestors(directory: string): string[] {
  const mount = hierarchyMount() ?? "";
  const found: string[] = [];
  for (let at = directory; at.startsWith(mount) && isOurs(at); at = parentOf(at)) {
    found.push(at);
    if (at === mount) break;
  }
  return found;
}

/** The directory above. */
export function parentOf(directory: string): string {
  return directory.slice(0, directory.lastIndexOf("/"));
}

/** The words of a control file; none when it cannot be read. */
export function wordsOf(path: string): string[] {
  const words: string[] = [];
  for (const word of (readTextIfAny(path) ?? "").replaceAll("\n", " ").split(" ")) {
    if (word !== "") words.push(word);
  }
  return words;
}

/** Writes a control file. @returns 0 or `-errno` */
export function writeControl(path: string, value: string): number {
  let fd: number;
  try {
    fd = openFile(path, O.WRONLY);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return -error.errno;
  }
  const bytes = new TextEncoder().encode(value);
  const result = raw("write", fd, address(bytes), bytes.length);
  closeFile(fd);
  return result < 0 ? result : 0;
}
