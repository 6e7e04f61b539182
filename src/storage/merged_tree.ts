/**
 * What shows through of directories that lie on each other as overlayfs lays them: the topmost of a name counts,
 * whiteouts hide names and opaque directories hide what is below. To be used as root of the user namespace.
 */
import { attributeNames } from "../ffi/file_copy.ts";
import {
  attribute,
  type ByteString,
  entriesOf,
  type FileStatus,
  openAt,
  statusAt,
  textOfBytes,
} from "../ffi/files.ts";
import { O } from "../ffi/constants.ts";
import { SyscallError, type SyscallName } from "../ffi/libc.ts";

/** A directory of a layer that shows through at some place. */
export interface Source {
  /** 0 is the topmost. */
  layer: number;
  fd: number;
}

export const TYPE = {
  MASK: 0o170000,
  DIRECTORY: 0o040000,
  REGULAR: 0o100000,
  LINK: 0o120000,
  FIFO: 0o010000,
} as const;
const CHARACTER_DEVICE = 0o020000;
export const OPEN_DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
/** What overlayfs keeps for itself. */
export const OVERLAY_PREFIX = "user.overlay.";
const OPAQUE = "user.overlay.opaque";

/** Files that mean what whiteouts mean: fuse-overlayfs makes them where it can make no others. */
const FILE_WHITEOUT = ".wh.";
const FILE_OPAQUE = ".wh..wh..opq";

export const isDirectory = (status: FileStatus) => (status.mode & TYPE.MASK) === TYPE.DIRECTORY;

/** overlayfs marks a name as removed by a character device 0/0. */
export function isWhiteout({ mode, node }: FileStatus): boolean {
  return (mode & TYPE.MASK) === CHARACTER_DEVICE && node.major === 0 && node.minor === 0;
}

/**
 * All names in the directories, each with those that have it, the topmost first. Whiteouts are among them.
 * @param files the topmost layer marks what it hides by files too
 */
export function mergedNames(
  sources: readonly Source[],
  files = false,
): Map<ByteString, Source[]> {
  const holders = new Map<ByteString, Source[]>();
  const hidden = new Set<ByteString>();
  for (const source of sources) {
    const marks = files && source.layer === 0;
    const names = entriesOf(source.fd).map(({ name }) => name);
    for (const name of names) {
      if (marks && name.startsWith(FILE_WHITEOUT)) hidden.add(name.slice(FILE_WHITEOUT.length));
      else if (source.layer === 0 || !hidden.has(name)) addTo(holders, name, source);
    }
    if (marks && names.includes(FILE_OPAQUE)) break;
  }
  return holders;
}

function addTo(holders: Map<ByteString, Source[]>, name: ByteString, source: Source): void {
  const others = holders.get(name);
  if (others === undefined) holders.set(name, [source]);
  else others.push(source);
}

/**
 * Opens the directories of that name which are merged: down to an opaque one, or to what is none.
 * @param opened gets them one by one, so that the caller can close them whatever happens
 */
export function openMerged(having: readonly Source[], name: ByteString, opened: Source[]): void {
  for (const { layer, fd } of having) {
    if (!isDirectory(statusOf(fd, name))) return;
    const what = `open "${textOfBytes(name)}" of a layer`;
    const source = { layer, fd: checked(openAt(fd, name, OPEN_DIRECTORY), what, "openat") };
    opened.push(source);
    if (isOpaque(source.fd)) return;
  }
}

function isOpaque(fd: number): boolean {
  return attributeNames(fd).includes(OPAQUE) && attribute(fd, OPAQUE)?.[0] === 0x79; // "y"
}

/** @throws SyscallError when `result` is `-errno` */
export function checked(result: number, what: string, call: SyscallName): number {
  if (result < 0) throw new SyscallError(what, call, -result);
  return result;
}

/** @throws SyscallError when it is not there */
export function statusOf(dir: number, name: ByteString): FileStatus {
  const status = statusAt(dir, name);
  if (status === undefined) {
    throw new SyscallError(`look at "${textOfBytes(name)}" of a layer`, "statx", 2);
  }
  return status;
}
