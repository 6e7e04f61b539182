/** What is remembered of a process that keeps a user namespace; a file of our own, in a folder of our own. */
import { O } from "../ffi/constants.ts";
import {
  closeFile,
  openFile,
  openFileStatus,
  readText,
  readTextIfAny,
  rename,
  writeText,
} from "../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../errors.ts";

/** A keeper and the ids of its namespace. */
export interface KeeperRecord {
  pid: number;
  /** Number of the namespace. */
  inode: number;
  /** What the ids were made from, see id_source.ts; empty when that cannot be told. */
  source: string;
  /** The maps as the kernel shows them. */
  uids: string;
  gids: string;
}

/** The record at `path`; undefined when there is none that can be read. */
export function readKeeper(path: string): KeeperRecord | undefined {
  const text = readTextIfAny(path);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** An older tsbox wrote something else. */
function isRecord(value: unknown): value is KeeperRecord {
  return typeof value === "object" && value !== null &&
    "pid" in value && typeof value.pid === "number" &&
    "inode" in value && typeof value.inode === "number" &&
    "source" in value && typeof value.source === "string" &&
    "uids" in value && typeof value.uids === "string" &&
    "gids" in value && typeof value.gids === "string";
}

/** The maps of the user namespace of a process, as the kernel shows them. @throws SyscallError */
export function shownMaps(pid: number): { uids: string; gids: string } {
  return { uids: readText(`/proc/${pid}/uid_map`), gids: readText(`/proc/${pid}/gid_map`) };
}

/**
 * Opens the namespace that a keeper holds; undefined when it does not any more.
 *
 * Numbers of processes and of namespaces are used again, also after a restart of the machine. What counts
 * is that we may enter the namespace and that its ids are the wanted ones, so the kernel is asked for them.
 */
export function openKept({ pid, inode, uids, gids }: KeeperRecord): number | undefined {
  let fd = -1;
  try {
    fd = openFile(`/proc/${pid}/ns/user`, O.RDONLY);
    const shown = shownMaps(pid);
    const same = openFileStatus(fd)?.inode === inode && shown.uids === uids && shown.gids === gids;
    if (same) return fd;
  } catch {
    // The process is gone, or another one that is none of ours.
  }
  if (fd >= 0) closeFile(fd);
  return undefined;
}

/** Replaces the record at `path`. @throws TsboxError "host" */
export function writeKeeper(path: string, record: KeeperRecord): void {
  const temporary = `${path}.${process.pid}`;
  try {
    writeText(temporary, JSON.stringify(record), 0o600);
    rename(temporary, path);
  } catch (error) {
    throw new TsboxError("host", `Cannot write "${path}": ${messageOf(error)}`, { cause: error });
  }
}
