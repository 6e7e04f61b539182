/**
 * Writes the members of an archive into a directory that has other things: a {@link TarSink} of `cp`.
 *
 * What somebody else changes meanwhile can make it fail, and never lead it elsewhere: a directory is opened by
 * its path below the top as {@link Surroundings} allow, a last name is never followed. A file gets its name when it
 * is complete, and takes the place of what had it.
 */
import {
  type ByteString,
  changeMode,
  changeModeAt,
  changeOwner,
  changeOwnerAt,
  hardLinkAt,
  makeDirectoryAt,
  makeLinkAt,
  makeNodeAt,
  openAt,
  renameAt,
  setAttribute,
  setTimes,
  setTimesAt,
  statusAt,
  textOfBytes,
  unlinkAt,
} from "../../ffi/files.ts";
import { O, S_IFIFO } from "../../ffi/constants.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { setLength, writeAll, writeAllAt } from "../../ffi/file_content.ts";
import { raw, SyscallError, type SyscallName } from "../../ffi/libc.ts";
import { randomBytes } from "../../ffi/random.ts";
import { TsboxError } from "../../errors.ts";
import { isDirectory } from "../merged_tree.ts";
import { shown, type TarEntry, type TarSink } from "../tar/entry.ts";
import { isAllowedAttribute } from "../unpack/attributes.ts";
import { pathOf, type Place, placeOf } from "../unpack/names.ts";
import { renamed } from "./plan.ts";

const NEW_FILE = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
const EROFS = 30;
const ENODATA = 61;
const EOPNOTSUPP = 95;
/** Refusals that mean "this file system, or this user, cannot have the attribute". */
const NOT_KEPT: ReadonlySet<number> = new Set([ERRNO.EPERM, ERRNO.EINVAL, ENODATA, EOPNOTSUPP]);

/** Who owns what is written: root, whoever the archive says, or the caller, who cannot choose. */
export type Owners = "root" | "archive" | "caller";

/** Where members go, and what they may be. */
export interface Surroundings {
  /** Opens a directory by its path below the top. Returns an O_PATH descriptor or `-errno`. */
  open(path: ByteString): number;
  owners: Owners;
  /** See planCopy(). */
  rename?: { from: ByteString; to: ByteString };
  /** Says in other words that a directory is read-only. */
  readOnly(directory: number): TsboxError;
}

/** A file that is being written. */
interface OpenFile {
  fd: number;
  temporary: ByteString;
  place: Place;
  entry: TarEntry;
}

export class TreeWriter implements TarSink {
  /** Members, and those of them that no ordinary user can make. */
  readonly counts = { entries: 0, devices: 0 };
  readonly #around: Surroundings;
  #file: OpenFile | undefined;
  #last: { path: ByteString; fd: number } | undefined;
  /** Their modes and times come last: a directory may be meant to be read-only. */
  readonly #directories = new Map<ByteString, { place: Place; entry: TarEntry }>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  entry(given: TarEntry): void {
    this.counts.entries++;
    const { rename } = this.#around;
    const entry = { ...given, name: renamed(given.name, rename) };
    const place = placeOf(entry.name);
    if (entry.kind === "directory") return this.#directory(place, entry);
    if (place.leaf === ".") throw overwrites(entry, "directory", "non-directory");
    this.#checkReplaced(place, entry);
    switch (entry.kind) {
      case "file":
        return this.#beginFile(place, entry);
      case "symlink":
        return this.#make(place, entry, (dir, name) => makeLinkAt(entry.link, dir, name));
      case "hardlink":
        return this.#hardlink(place, entry, placeOf(renamed(entry.link, rename)));
      case "fifo": {
        const mode = S_IFIFO | (entry.mode & 0o777);
        return this.#make(place, entry, (dir, name) => makeNodeAt(dir, name, mode, 0));
      }
      case "device":
        this.counts.devices++;
    }
  }

  data(bytes: Uint8Array, position: number): void {
    if (this.#file === undefined) return;
    const { fd, entry } = this.#file;
    const what = () => `write ${shown(entry.name)}`;
    if (entry.sparse === undefined) writeAll(fd, bytes, what);
    else writeAllAt(fd, bytes, position, what);
  }

  endFile(): void {
    if (this.#file === undefined) return;
    const { fd, temporary, place, entry } = this.#file;
    if (entry.sparse !== undefined) {
      this.#check(setLength(fd, entry.size), entry, "ftruncate");
    }
    const owner = this.#ownerOf(entry);
    if (owner !== undefined) {
      this.#check(changeOwner(fd, owner.uid, owner.gid), entry, "fchown");
    }
    this.#setAttributes(fd, entry);
    this.#check(changeMode(fd, this.#modeOf(entry)), entry, "fchmod");
    this.#check(setTimes(fd, entry.mtime), entry, "utimensat");
    this.#name(place, entry, temporary);
    raw("close", fd);
    this.#file = undefined;
  }

  /** To be called when all entries were given. @throws SyscallError */
  finish(): void {
    // The deepest first: one that is closed for us would hide those in it.
    for (const { place, entry } of [...this.#directories.values()].reverse()) {
      const parent = this.#parentOf(place);
      this.#check(changeModeAt(parent, place.leaf, this.#modeOf(entry)), entry, "fchmodat");
      this.#check(setTimesAt(parent, place.leaf, entry.mtime), entry, "utimensat");
    }
  }

  /** Leaves nothing that is not complete. */
  close(): void {
    if (this.#file !== undefined) {
      const { fd, temporary, place } = this.#file;
      raw("close", fd);
      unlinkAt(this.#parentOf(place), temporary);
      this.#file = undefined;
    }
    this.#forget();
  }

  /** Docker's rule: files and directories do not take each other's place. */
  #checkReplaced(place: Place, entry: TarEntry): void {
    const old = statusAt(this.#parentOf(place), place.leaf);
    if (old !== undefined && isDirectory(old)) {
      throw overwrites(entry, "directory", "non-directory");
    }
  }

  #directory(place: Place, entry: TarEntry): void {
    // The directory that was copied into stays as it is.
    if (place.leaf === ".") return;
    const parent = this.#parentOf(place);
    const result = makeDirectoryAt(parent, place.leaf, 0o700);
    const old = result === -ERRNO.EEXIST ? statusAt(parent, place.leaf) : undefined;
    if (old === undefined) this.#check(result, entry, "mkdirat", parent);
    else if (!isDirectory(old)) throw overwrites(entry, "non-directory", "directory");
    const owner = this.#ownerOf(entry);
    if (owner !== undefined) {
      const { uid, gid } = owner;
      this.#check(changeOwnerAt(parent, place.leaf, uid, gid), entry, "fchownat", parent);
    }
    this.#directories.set(pathOf(place), { place, entry });
  }

  #beginFile(place: Place, entry: TarEntry): void {
    const parent = this.#parentOf(place);
    const temporary = temporaryName();
    const fd = openAt(parent, temporary, NEW_FILE, 0o600);
    this.#check(fd, entry, "openat", parent);
    this.#file = { fd, temporary, place, entry };
  }

  #hardlink(place: Place, entry: TarEntry, target: Place): void {
    const parent = this.#parentOf(place);
    const from = this.#around.open(target.parent);
    this.#check(from, entry, "openat2");
    const temporary = temporaryName();
    const result = hardLinkAt(from, target.leaf, parent, temporary);
    raw("close", from);
    this.#check(result, entry, "linkat", parent);
    this.#name(place, entry, temporary);
  }

  /** Something without content: made under another name, then given its own. */
  #make(place: Place, entry: TarEntry, make: (dir: number, name: ByteString) => number): void {
    const parent = this.#parentOf(place);
    const temporary = temporaryName();
    this.#check(make(parent, temporary), entry, "mknodat", parent);
    const owner = this.#ownerOf(entry);
    if (owner !== undefined) {
      const { uid, gid } = owner;
      this.#check(changeOwnerAt(parent, temporary, uid, gid), entry, "fchownat", parent);
    }
    // A link has no mode of its own, and chmod would follow it.
    if (entry.kind === "fifo") changeModeAt(parent, temporary, this.#modeOf(entry));
    setTimesAt(parent, temporary, entry.mtime);
    this.#name(place, entry, temporary);
  }

  #name(place: Place, entry: TarEntry, temporary: ByteString): void {
    const parent = this.#parentOf(place);
    const result = renameAt(parent, temporary, parent, place.leaf);
    // Of two names of one file rename(2) leaves both.
    if (result < 0 || entry.kind === "hardlink") unlinkAt(parent, temporary);
    this.#check(result, entry, "renameat2", parent);
  }

  #setAttributes(fd: number, entry: TarEntry): void {
    if (this.#around.owners === "caller") return;
    for (const { name, value } of entry.xattrs) {
      if (!isAllowedAttribute(name)) continue;
      const result = setAttribute(fd, name, value);
      if (result < 0 && !NOT_KEPT.has(-result)) this.#check(result, entry, "fsetxattr");
    }
  }

  #ownerOf({ uid, gid }: TarEntry): { uid: number; gid: number } | undefined {
    const { owners } = this.#around;
    if (owners === "caller") return undefined;
    return owners === "root" ? { uid: 0, gid: 0 } : { uid, gid };
  }

  /** A program of a container must not run with the rights of the user that it was copied to. */
  #modeOf({ mode }: TarEntry): number {
    return this.#around.owners === "caller" ? mode & 0o1777 : mode & 0o7777;
  }

  /** Descriptor of the directory a place is in, valid until another is asked for; missing ones are made. */
  #parentOf({ parent: path }: Place): number {
    if (this.#last?.path === path) return this.#last.fd;
    let fd = this.#around.open(path);
    if (fd === -ERRNO.ENOENT && path !== "") fd = this.#makeDirectory(path);
    if (fd < 0) throw new SyscallError(`open the directory ${shown(path)}`, "openat2", -fd);
    this.#forget();
    this.#last = { path, fd };
    return fd;
  }

  #makeDirectory(path: ByteString): number {
    const place = placeOf(path);
    const parent = this.#parentOf(place);
    const result = makeDirectoryAt(parent, place.leaf, 0o755);
    if (result < 0 && result !== -ERRNO.EEXIST) {
      throw this.#failure(result, path, "mkdirat", parent);
    }
    return this.#around.open(path);
  }

  #forget(): void {
    if (this.#last !== undefined) raw("close", this.#last.fd);
    this.#last = undefined;
  }

  #check(result: number, entry: TarEntry, call: SyscallName, directory?: number): void {
    if (result < 0) throw this.#failure(result, entry.name, call, directory);
  }

  #failure(result: number, name: ByteString, call: SyscallName, directory?: number): TsboxError {
    if (result === -EROFS && directory !== undefined) return this.#around.readOnly(directory);
    if (call.includes("chown") && result === -ERRNO.EINVAL) {
      return new TsboxError(
        "unsupported",
        `Cannot set the owner of ${shown(name)}: it has no id here`,
        {
          hint:
            "copy without -a, or give the user more subordinate ids in /etc/subuid and /etc/subgid",
        },
      );
    }
    return new SyscallError(`write ${shown(name)}`, call, -result);
  }
}

function temporaryName(): ByteString {
  return `.tsbox-cp-${randomBytes(8).toHex()}`;
}

function overwrites(entry: TarEntry, old: string, kind: string): TsboxError {
  const name = textOfBytes(entry.name);
  const message = `cannot overwrite ${old} ${JSON.stringify(name)} with ${kind}`;
  return new TsboxError("conflict", message);
}
