/**
 * The directory a layer is unpacked into, through descriptors.
 *
 * Directories are opened with openat2(RESOLVE_IN_ROOT): symbolic links of the layer are followed as in a
 * chroot, so that an entry below one lands where docker puts it, and none leads out. The last component
 * of a name is never followed.
 */
import { ERRNO } from "../../ffi/errno.ts";
import { closeSync } from "node:fs";
import {
  attribute,
  type ByteString,
  makeDirectoryAt,
  openAt,
  openDirectoryIn,
  openFilesLimit,
  setAttribute,
  statusAt,
  unlinkAt,
} from "../../ffi/files.ts";
import { O } from "../../ffi/constants.ts";
import { SyscallError } from "../../ffi/libc.ts";
import { TsboxError } from "../../errors.ts";
import { removeTreeAt } from "../remove_tree.ts";
import { corruptArchive, shown } from "../tar/entry.ts";
import { pathOf, type Place } from "./names.ts";

const ENOTDIR = 20;
const ELOOP = 40;

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;

/** Open directories to keep, unless the process may have fewer: opening one costs as much as a small file. */
const KEPT = 4096;

/** Descriptors that the rest of the process may need. */
const OTHERS = 200;

/** What overlayfs, mounted with `userxattr`, takes as "hides the directory of the layers below". */
const OPAQUE: ByteString = "user.overlay.opaque";

/** Says that a system call for `name` failed, as what it means for an image. */
export function failed(errno: number, action: string, name: ByteString): TsboxError {
  const hostile = errno === ERRNO.ENAMETOOLONG || errno === ENOTDIR || errno === ELOOP;
  if (hostile) return corruptArchive(`${shown(name)} has an impossible path`);
  const error = new SyscallError(`${action} ${shown(name)} of the layer`, "openat2", errno);
  if (error.code !== "no-space") return error;
  return new TsboxError("no-space", error.message, { cause: error, hint: "free some space" });
}

export class LayerTree {
  /** O_PATH descriptor of the top. */
  readonly top: number;
  readonly #open = new Map<ByteString, number>();
  readonly #kept = Math.min(KEPT, openFilesLimit() - OTHERS);

  readonly #onRemoved: (path: ByteString) => void;
  #last: { path: ByteString; fd: number } | undefined;

  /**
   * @param directory absolute path; exists and is empty
   * @param onRemoved told of every place that an entry put something else to
   */
  constructor(directory: ByteString, onRemoved: (path: ByteString) => void) {
    this.#onRemoved = onRemoved;
    this.top = openAt(-100, directory, O.PATH | O.DIRECTORY | O.NOFOLLOW);
    if (this.top < 0) throw failed(-this.top, "open the top", directory);
  }

  close(): void {
    this.#forget();
    closeSync(this.top);
  }

  /**
   * Descriptor of the directory a place is in; missing ones are made as docker does: 0755, root's.
   * Valid until something is removed or many others are asked for; the last two asked for are always valid.
   */
  parentOf({ parent: path }: Place): number {
    if (path === "") return this.top;
    if (this.#last?.path === path) return this.#last.fd;
    const kept = this.#open.get(path);
    const fd = kept ?? this.#openOrMake(path);
    if (kept !== undefined) this.#open.delete(path);
    else if (this.#open.size >= this.#kept) this.#closeOldest();
    this.#open.set(path, fd);
    this.#last = { path, fd };
    return fd;
  }

  #closeOldest(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) return;
    this.#open.delete(oldest[0]);
    closeSync(oldest[1]);
  }

  #openOrMake(path: ByteString): number {
    const fd = this.#openDirectory(path);
    if (fd >= 0) return fd;
    if (fd !== -ERRNO.ENOENT) throw notADirectory(fd, path);
    const slash = path.lastIndexOf("/");
    const place = { parent: slash < 0 ? "" : path.slice(0, slash), leaf: path.slice(slash + 1) };
    const result = makeDirectoryAt(this.parentOf(place), place.leaf, 0o755);
    // It exists and cannot be entered: a symbolic link to nothing.
    if (result === -ERRNO.EEXIST) throw notADirectory(-ENOTDIR, path);
    if (result < 0) throw failed(-result, "make the directory", path);
    const made = this.#openDirectory(path);
    if (made < 0) throw notADirectory(made, path);
    return made;
  }

  #openDirectory(path: ByteString): number {
    let fd = -ERRNO.EAGAIN;
    // EAGAIN: something was renamed anywhere on the host meanwhile (openat2(2)).
    for (let tries = 0; fd === -ERRNO.EAGAIN && tries < 100; tries++) {
      fd = openDirectoryIn(this.top, path);
    }
    return fd;
  }

  /**
   * Makes something new at a place; what an earlier entry put there goes away.
   * @param make returns a descriptor, 0 or `-errno`; called again after the place was cleared
   */
  make(place: Place, make: (parent: number) => number): number {
    const result = make(this.parentOf(place));
    if (result !== -ERRNO.EEXIST) return result;
    this.#clear(place);
    return make(this.parentOf(place));
  }

  /** Makes a directory or keeps the one that is there. @returns whether it is new */
  makeDirectory(place: Place, mode: number): boolean {
    const parent = this.parentOf(place);
    const result = makeDirectoryAt(parent, place.leaf, mode);
    if (result === 0) return true;
    if (result !== -ERRNO.EEXIST) throw failed(-result, "make the directory", pathOf(place));
    const old = statusAt(parent, place.leaf);
    if (old !== undefined && (old.mode & S_IFMT) === S_IFDIR) return false;
    const hidden = old !== undefined && isWhiteout(old);
    this.#clear(place);
    const again = makeDirectoryAt(this.parentOf(place), place.leaf, mode);
    if (again < 0) throw failed(-again, "make the directory", pathOf(place));
    if (hidden) this.hideBelow(place);
    return true;
  }

  #clear(place: Place): void {
    if (place.leaf === ".") throw corruptArchive("its top is not a directory");
    const parent = this.parentOf(place);
    if (unlinkAt(parent, place.leaf) !== 0) removeTreeAt(parent, place.leaf);
    this.#forget(); // kept descriptors may lead through what is gone
    this.#onRemoved(pathOf(place));
  }

  /** Whether the place is taken by a directory; undefined when nothing is there. */
  hasDirectory(place: Place): boolean | undefined {
    const old = statusAt(this.parentOf(place), place.leaf);
    return old && (old.mode & S_IFMT) === S_IFDIR;
  }

  /** Makes a directory hide what layers below have in it. */
  hideBelow(place: Place): void {
    const fd = openAt(this.parentOf(place), place.leaf, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (fd < 0) throw failed(-fd, "open", pathOf(place));
    const result = setAttribute(fd, OPAQUE, OPAQUE_YES);
    closeSync(fd);
    if (result < 0) throw noAttributes(-result, pathOf(place));
  }

  #forget(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
    this.#last = undefined;
  }
}

const OPAQUE_YES = Buffer.from("y");

/** Whether overlayfs hides the directory of the same name in layers below. @param fd open for reading */
export function isOpaque(fd: number): boolean {
  return attribute(fd, OPAQUE)?.[0] === OPAQUE_YES[0];
}

/** A character device 0/0: what overlayfs takes as "hides the name in layers below". */
export function isWhiteout(
  status: { mode: number; node: { major: number; minor: number } },
): boolean {
  return (status.mode & S_IFMT) === S_IFCHR && status.node.major === 0 && status.node.minor === 0;
}

function notADirectory(result: number, path: ByteString): TsboxError {
  if (result === -ENOTDIR || result === -ERRNO.ENOENT) {
    return corruptArchive(`${shown(path)} has entries but is not a directory`);
  }
  return failed(-result, "open the directory", path);
}

function noAttributes(errno: number, path: ByteString): TsboxError {
  const cause = new SyscallError(`mark ${shown(path)} of the layer as opaque`, "fsetxattr", errno);
  return new TsboxError(cause.code === "no-space" ? "no-space" : "host", cause.message, {
    cause,
    hint: "the store must be on a file system with user extended attributes, see 'tsbox doctor'",
  });
}
