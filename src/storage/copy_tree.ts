/**
 * The copy driver: all layers of an image composed into one plain directory, where no overlay works.
 *
 * Runs as root of the user namespace. Every step is relative to a descriptor and follows no symbolic
 * link, whatever the layers hold.
 */
import { attributeNames, copyContents } from "../ffi/file_copy.ts";
import {
  attribute,
  bytesOfText,
  type ByteString,
  changeMode,
  changeModeAt,
  changeOwner,
  changeOwnerAt,
  type FileStatus,
  hardLinkAt,
  makeDirectoryAt,
  makeLinkAt,
  makeNodeAt,
  openAt,
  readLinkAt,
  setAttribute,
  setTimes,
  setTimesAt,
  textOfBytes,
} from "../ffi/files.ts";
import { AT_FDCWD, O } from "../ffi/constants.ts";
import { raw } from "../ffi/libc.ts";
import {
  checked,
  isDirectory,
  isWhiteout,
  mergedNames,
  OPEN_DIRECTORY,
  openMerged,
  OVERLAY_PREFIX,
  type Source,
  statusOf,
  TYPE,
} from "./merged_tree.ts";
import { closeSources, openLayers } from "./merged_path.ts";

/** What was copied. */
export interface CopySummary {
  /** Files, directories and links. */
  entries: number;
  /** Bytes of files' contents, holes included. */
  bytes: number;
}

/**
 * Composes layers into `target`, with owners, modes, extended attributes, times and hard links.
 * @param layers absolute paths of unpacked layers, the topmost first
 * @param target absolute path of an existing, empty directory; half full after an error
 * @throws SyscallError
 */
export function copyTree(layers: readonly string[], target: string): CopySummary {
  const sources = openLayers(layers);
  try {
    return copyMerged(sources, target, "full");
  } finally {
    closeSources(sources);
  }
}

/** `single`: only root's id exists, so everything becomes root's. */
export type KnownIds = "full" | "single";

/**
 * Copies what shows through of directories that lie on each other, like {@link copyTree}.
 * @param sources the topmost first
 * @throws SyscallError
 */
export function copyMerged(
  sources: readonly Source[],
  target: string,
  ids: KnownIds,
): CopySummary {
  const opened = openAt(AT_FDCWD, bytesOfText(target), OPEN_DIRECTORY);
  const out = checked(opened, `open "${target}"`, "openat");
  try {
    const copier = new TreeCopier(out, ids);
    copier.directory(sources, out, "");
    return copier.summary;
  } finally {
    raw("close", out);
  }
}

/** The work on one tree: what was made so far. */
class TreeCopier {
  readonly summary: CopySummary = { entries: 0, bytes: 0 };
  readonly #root: number;
  readonly #ids: KnownIds;
  /** Files with several names: where the first name is, by layer and inode. */
  readonly #firstNames = new Map<string, ByteString>();

  constructor(root: number, ids: KnownIds) {
    this.#root = root;
    this.#ids = ids;
  }

  /** Fills `out` with what shows through of `sources`, the topmost first, which also gives its attributes. */
  directory(sources: readonly Source[], out: number, path: ByteString): void {
    for (const [name, having] of mergedNames(sources)) {
      this.#entry(having, name, out, `${path}${name}`);
    }
    const [top] = sources;
    if (top !== undefined) copyAttributes(top.fd, out, this.#statusOf(top.fd, ""), path);
  }

  /** What to make it like. A program that ran as a user we do not have must not run as root instead. */
  #statusOf(dir: number, name: ByteString): FileStatus {
    const status = statusOf(dir, name);
    if (this.#ids === "full") return status;
    const lost = (status.uid === 0 ? 0 : 0o4000) | (status.gid === 0 ? 0 : 0o2000);
    return { ...status, uid: 0, gid: 0, mode: status.mode & ~lost };
  }

  #entry(having: readonly Source[], name: ByteString, out: number, path: ByteString): void {
    const [top] = having;
    if (top === undefined) return;
    const status = this.#statusOf(top.fd, name);
    if (isWhiteout(status)) return;
    this.summary.entries++;
    if (isDirectory(status)) this.#subdirectory(having, name, out, path);
    else this.#leaf(top, name, out, path, status);
  }

  #subdirectory(having: readonly Source[], name: ByteString, out: number, path: ByteString): void {
    const what = `make "${textOfBytes(path)}"`;
    checked(makeDirectoryAt(out, name, 0o700), what, "mkdirat");
    const sources: Source[] = [];
    const inner = checked(openAt(out, name, OPEN_DIRECTORY), what, "openat");
    try {
      openMerged(having, name, sources);
      this.directory(sources, inner, `${path}/`);
    } finally {
      closeSources(sources);
      raw("close", inner);
    }
  }

  #leaf(top: Source, name: ByteString, out: number, path: ByteString, status: FileStatus): void {
    const key = `${top.layer}:${status.inode}`;
    const first = status.links > 1 ? this.#firstNames.get(key) : undefined;
    // Where the kernel refuses the link (too many, too long a path) a copy is better than nothing.
    if (first !== undefined && hardLinkAt(this.#root, first, out, name) === 0) return;
    const type = status.mode & TYPE.MASK;
    if (type === TYPE.REGULAR) this.#file(top, name, out, path, status);
    else if (type === TYPE.LINK) copyLink(top, name, out, path, status);
    else copyNode(name, out, path, status);
    if (status.links > 1) this.#firstNames.set(key, path);
  }

  #file(top: Source, name: ByteString, out: number, path: ByteString, status: FileStatus): void {
    const what = `copy "${textOfBytes(path)}"`;
    const from = checked(openAt(top.fd, name, O.RDONLY | O.NOFOLLOW), what, "openat");
    try {
      const to = checked(openAt(out, name, O.WRONLY | O.CREAT | O.EXCL, 0o600), what, "openat");
      try {
        copyContents(from, to, status.size);
        copyAttributes(from, to, status, path);
      } finally {
        raw("close", to);
      }
    } finally {
      raw("close", from);
    }
    this.summary.bytes += status.size;
  }
}

/** The owner comes first: changing it clears setuid bits and file capabilities. The times come last. */
export function copyAttributes(
  from: number,
  to: number,
  status: FileStatus,
  path: ByteString,
): void {
  const what = `set the attributes of "/${textOfBytes(path)}"`;
  checked(changeOwner(to, status.uid, status.gid), what, "fchown");
  checked(changeMode(to, status.mode & 0o7777), what, "fchmod");
  for (const name of attributeNames(from)) {
    if (name.startsWith(OVERLAY_PREFIX)) continue;
    const value = attribute(from, name);
    if (value !== undefined) checked(setAttribute(to, name, value), what, "fsetxattr");
  }
  checked(setTimes(to, status.mtime), what, "utimensat");
}

function copyLink(
  top: Source,
  name: ByteString,
  out: number,
  path: ByteString,
  status: FileStatus,
): void {
  const what = `copy the link "${textOfBytes(path)}"`;
  checked(makeLinkAt(readLinkAt(top.fd, name) ?? "", out, name), what, "symlinkat");
  checked(changeOwnerAt(out, name, status.uid, status.gid), what, "fchownat");
  checked(setTimesAt(out, name, status.mtime), what, "utimensat");
}

/** Pipes and sockets; device nodes cannot be in a layer that was unpacked without privileges. */
function copyNode(name: ByteString, out: number, path: ByteString, status: FileStatus): void {
  const what = `make "${textOfBytes(path)}"`;
  checked(makeNodeAt(out, name, status.mode, 0), what, "mknodat");
  checked(changeOwnerAt(out, name, status.uid, status.gid), what, "fchownat");
  checked(changeModeAt(out, name, status.mode & 0o7777), what, "fchmodat");
  checked(setTimesAt(out, name, status.mtime), what, "utimensat");
}
