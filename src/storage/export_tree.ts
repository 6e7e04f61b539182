/**
 * What shows through of layers, as an archive: owners as the user namespace sees them, modes, times, links, holes
 * and attributes. Runs as root of the user namespace; every step is relative to a descriptor and follows no link.
 *
 * A container may be changing the files meanwhile. The archive stays whole: a file has the size it had when
 * it was looked at, filled up with zeros where it became shorter, and what has gone is left out.
 */
import { attributeNames, dataRegions } from "../ffi/file_copy.ts";
import {
  attribute,
  bytesOfText,
  type ByteString,
  type FileStatus,
  openAt,
  readLinkAt,
  statusAt,
} from "../ffi/files.ts";
import { AT_FDCWD, O } from "../ffi/constants.ts";
import { ERRNO } from "../ffi/errno.ts";
import { readAt } from "../ffi/file_content.ts";
import { raw, SyscallError } from "../ffi/libc.ts";
import {
  checked,
  isDirectory,
  isWhiteout,
  mergedNames,
  OPEN_DIRECTORY,
  openMerged,
  type Source,
  TYPE,
} from "./merged_tree.ts";
import { ArchiveClosed, ArchiveFile } from "./tar/archive_file.ts";
import type { ExtendedAttribute, SparseRegion } from "./tar/entry.ts";
import {
  ARCHIVE_END,
  memberHeader,
  type NewMember,
  paddingAfter,
  storedSize,
} from "./tar/writer.ts";
import { isAllowedAttribute } from "./unpack/attributes.ts";

export interface ExportJob {
  /** Absolute paths, the topmost first; one is a plain tree. */
  layers: readonly string[];
  /** The topmost layer marks what it hides as fuse-overlayfs does. */
  fuse: boolean;
  /** Only what the topmost layer changes of those below it, as a layer of an image: with whiteouts. */
  changes?: boolean;
}

export interface ExportSummary {
  /** Members of the archive. */
  entries: number;
  /** Sockets and device nodes, which are left out: the first mean nothing elsewhere. */
  left: number;
  /** Nobody read the archive to its end. */
  closed: boolean;
}

/** Holes that are worth a sparse member, in bytes; and regions that one may have. */
const MIN_HOLES = 64 * 1024;
const MAX_REGIONS = 8192;
const PIECE = 256 * 1024;

/**
 * Writes the archive to `fd`. The top itself is no member, as with docker.
 * @throws SyscallError
 */
export function exportTree(
  { layers, fuse }: ExportJob,
  fd: number,
  Archiver: typeof TreeArchiver = TreeArchiver,
): ExportSummary {
  const out = new ArchiveFile(fd);
  const exporter = new Archiver(out, { fuse });
  const sources: Source[] = [];
  try {
    layers.forEach((path, layer) => {
      const opened = openAt(AT_FDCWD, bytesOfText(path), OPEN_DIRECTORY);
      sources.push({ layer, fd: checked(opened, `open "${path}"`, "openat") });
    });
    exporter.directory(sources, "");
    out.write(ARCHIVE_END);
    out.flush();
    return { ...exporter.summary, closed: false };
  } catch (error) {
    if (error instanceof ArchiveClosed) return { ...exporter.summary, closed: true };
    throw error;
  } finally {
    for (const source of sources) raw("close", source.fd);
  }
}

/** How files become members. */
export interface ArchiverOptions {
  /** See {@link ExportJob}. */
  fuse: boolean;
  /** Which of the extended attributes that an image may have are wanted; default: all. */
  wanted?: (name: ByteString) => boolean;
  /** Times without their fractions: no extended header only for them. */
  wholeSeconds?: boolean;
}

/** Writes trees to an archive, without the end of that. */
export class TreeArchiver {
  readonly summary = { entries: 0, left: 0 };
  readonly #out: ArchiveFile;
  protected readonly options: ArchiverOptions;
  readonly #buffer = new Uint8Array(PIECE);
  /** Files with several names: the first name, by layer and inode. */
  readonly #firstNames = new Map<string, ByteString>();

  constructor(out: ArchiveFile, options: ArchiverOptions) {
    this.#out = out;
    this.options = options;
  }

  /** What has a name in an open directory, and what is in it. @param as what it is called in the archive */
  one(dir: number, name: ByteString, as: ByteString): void {
    const status = statusAt(dir, name);
    if (status === undefined) return;
    const source: Source = { layer: 0, fd: dir };
    if (isDirectory(status)) this.#subdirectory([source], name, `${as}/`, status);
    else this.#leaf(source, name, as, status);
  }

  /** Everything in the directories that are merged; `path` ends in a slash, or is empty. */
  directory(sources: readonly Source[], path: ByteString): void {
    const names = this.names(sources, path);
    for (const name of [...names.keys()].sort()) {
      const having = names.get(name) ?? [];
      const [top] = having;
      const status = top && statusAt(top.fd, name);
      if (top === undefined || status === undefined) continue;
      if (isWhiteout(status)) this.whiteout(path, name, status);
      else if (isDirectory(status)) this.#subdirectory(having, name, `${path}${name}/`, status);
      else this.#leaf(top, name, `${path}${name}`, status);
    }
  }

  /** What is in the directories, by name. */
  protected names(sources: readonly Source[], _path: ByteString): Map<ByteString, Source[]> {
    return mergedNames(sources, this.options.fuse);
  }

  /** What shows through has none. */
  protected whiteout(_path: ByteString, _name: ByteString, _status: FileStatus): void {}

  #subdirectory(
    having: readonly Source[],
    name: ByteString,
    path: ByteString,
    status: FileStatus,
  ): void {
    const sources: Source[] = [];
    try {
      openMerged(having, name, sources);
      const [top] = sources;
      const xattrs = top === undefined ? [] : this.#attributes(top.fd);
      this.member({ kind: "directory", name: path, ...common(status), size: 0, xattrs });
      this.directory(sources, path);
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      for (const source of sources) raw("close", source.fd);
    }
  }

  #leaf(top: Source, name: ByteString, path: ByteString, status: FileStatus): void {
    // Across mounts a number may mean several files.
    const { major, minor } = status.device;
    const key = `${top.layer}:${major}:${minor}:${status.inode}`;
    const first = status.links > 1 ? this.#firstNames.get(key) : undefined;
    const type = status.mode & TYPE.MASK;
    if (first !== undefined) {
      this.member({ kind: "hardlink", name: path, link: first, ...common(status), size: 0 });
    } else if (type === TYPE.REGULAR) this.#file(top, name, path);
    else if (type === TYPE.LINK) this.#link(top, name, path, status);
    else if (type === TYPE.FIFO) {
      this.member({ kind: "fifo", name: path, ...common(status), size: 0 });
    } else {
      this.summary.left++;
      return;
    }
    if (status.links > 1 && first === undefined) this.#firstNames.set(key, path);
  }

  #link(top: Source, name: ByteString, path: ByteString, status: FileStatus): void {
    const link = readLinkAt(top.fd, name);
    if (link === undefined) return;
    this.member({ kind: "symlink", name: path, link, ...common(status), size: 0 });
  }

  #file(top: Source, name: ByteString, path: ByteString): void {
    // Not to wait for ever, should it have become a pipe meanwhile.
    const fd = openAt(top.fd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
    if (fd === -ERRNO.ENOENT) return;
    checked(fd, `read "${path}"`, "openat");
    try {
      const status = statusAt(fd, "");
      if (status === undefined || (status.mode & TYPE.MASK) !== TYPE.REGULAR) return;
      const sparse = holesOf(fd, status.size);
      const xattrs = this.#attributes(fd);
      const { size } = status;
      const member: NewMember = {
        kind: "file",
        name: path,
        ...common(status),
        size,
        xattrs,
        ...(sparse && { sparse }),
      };
      this.member(member);
      for (const region of sparse ?? [{ offset: 0, length: size }]) this.#data(fd, region);
      this.#out.write(paddingAfter(storedSize(member)));
    } finally {
      raw("close", fd);
    }
  }

  #data(fd: number, { offset, length }: SparseRegion): void {
    const end = offset + length;
    for (let at = offset; at < end;) {
      const count = readAt(fd, this.#buffer.subarray(0, Math.min(PIECE, end - at)), at);
      if (count === 0) return this.#out.zeros(end - at);
      this.#out.write(this.#buffer.subarray(0, count));
      at += count;
    }
  }

  protected member(member: NewMember): void {
    this.summary.entries++;
    const { seconds } = member.mtime;
    const mtime = this.options.wholeSeconds ? { seconds, nanoseconds: 0 } : member.mtime;
    this.#out.write(memberHeader({ ...member, mtime }));
  }

  #attributes(fd: number): ExtendedAttribute[] {
    const { wanted = () => true } = this.options;
    return attributesOf(fd, wanted);
  }
}

function common({ mode, uid, gid, mtime }: FileStatus) {
  return { mode: mode & 0o7777, uid, gid, mtime };
}

/** What an image may have, too: nothing of overlayfs, of fuse-overlayfs or of the host. */
function attributesOf(fd: number, wanted: (name: ByteString) => boolean): ExtendedAttribute[] {
  return attributeNames(fd)
    .filter((name) => isAllowedAttribute(name) && !name.startsWith("user.fuseoverlayfs."))
    .filter(wanted)
    .sort()
    .flatMap((name) => {
      const value = attribute(fd, name);
      return value === undefined ? [] : [{ name, value }];
    });
}

/** The regions of a file whose holes are worth it. */
function holesOf(fd: number, size: number): SparseRegion[] | undefined {
  if (size < MIN_HOLES) return undefined;
  const regions = dataRegions(fd, size);
  const stored = regions.reduce((sum, { length }) => sum + length, 0);
  return size - stored < MIN_HOLES || regions.length > MAX_REGIONS ? undefined : regions;
}

function isGone(error: unknown): boolean {
  return error instanceof SyscallError && error.errno === ERRNO.ENOENT;
}
