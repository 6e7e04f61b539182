/** Writes the members of a layer's archive into its directory, exactly: a {@link TarSink} with a file system. */
import { closeSync } from "node:fs";
import {
  type ByteString,
  changeMode,
  changeModeAt,
  changeOwner,
  changeOwnerAt,
  hardLinkAt,
  makeLinkAt,
  makeNodeAt,
  openAt,
  PATH_MAX,
  setAttribute,
  setLength,
  setTimes,
  setTimesAt,
  type Time,
  writeAll,
  writeAllAt,
} from "../../ffi/files.ts";
import { O, S_IFCHR, S_IFIFO } from "../../ffi/constants.ts";
import { TsboxError } from "../../errors.ts";
import {
  corruptArchive,
  oversizedArchive,
  shown,
  type TarEntry,
  type TarSink,
} from "../tar/entry.ts";
import { isAllowedAttribute } from "./attributes.ts";
import { pathOf, type Place, placeOf } from "./names.ts";
import { failed, LayerTree } from "./tree.ts";
import { type Whiteout, whiteoutOf } from "./whiteouts.ts";

const EPERM = 1;
const EEXIST = 17;
const EINVAL = 22;
const ENOENT = 2;
const ENODATA = 61;
const EOPNOTSUPP = 95;
const NEW_FILE = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;

/** Bounds of what a layer may become. */
export interface UnpackLimits {
  /** Of all files together, holes included, and of the uncompressed archive. */
  bytes: number;
  /** Of members. */
  entries: number;
}

export interface WriterOptions {
  /** With `single`, owners other than root cannot be set; that is counted, not refused. */
  ids: "full" | "single";
  /** There is no layer below: nothing to hide. */
  isBase: boolean;
  limits: UnpackLimits;
}

/** What was written, and what could not be. */
export interface WriterCounts {
  size: number;
  entries: number;
  ownersLost: boolean;
  skippedDevices: number;
  skippedXattrs: number;
}

export class LayerWriter implements TarSink {
  readonly counts: WriterCounts = {
    size: 0,
    entries: 0,
    ownersLost: false,
    skippedDevices: 0,
    skippedXattrs: 0,
  };
  readonly #tree: LayerTree;
  readonly #options: WriterOptions;
  /** Times of directories are set last: what is put into them changes them. */
  readonly #times = new Map<ByteString, { place: Place; time: Time }>();
  #file: { fd: number; entry: TarEntry } | undefined;

  /** @param directory absolute path; exists and is empty */
  constructor(directory: ByteString, options: WriterOptions) {
    this.#tree = new LayerTree(directory, (path) => this.#forgetTimes(path));
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    this.#count(entry);
    const place = placeOf(entry.name);
    const whiteout = whiteoutOf(place);
    if (whiteout !== undefined) return this.#hide(whiteout);
    switch (entry.kind) {
      case "file":
        return this.#beginFile(place, entry);
      case "directory":
        return this.#directory(place, entry);
      case "symlink":
        return this.#symlink(place, entry);
      case "hardlink":
        return this.#hardlink(place, entry);
      case "fifo":
        return this.#fifo(place, entry);
      case "device":
        // Nobody but the host's root can make one. An image's own device 0/0 would be a whiteout.
        this.counts.skippedDevices++;
    }
  }

  data(bytes: Uint8Array, position: number): void {
    if (this.#file === undefined) return;
    const { fd, entry } = this.#file;
    if (entry.sparse === undefined) writeAll(fd, bytes, `write ${shown(entry.name)} of the layer`);
    else writeAllAt(fd, bytes, position, `write ${shown(entry.name)} of the layer`);
  }

  endFile(): void {
    if (this.#file === undefined) return;
    const { fd, entry } = this.#file;
    this.#file = undefined;
    try {
      this.#finishFile(fd, entry);
    } finally {
      closeSync(fd);
    }
  }

  /** Sets the times of directories; the layer is whole then. */
  finish(): void {
    for (const { place, time } of this.#times.values()) {
      setTimesAt(this.#tree.parentOf(place), place.leaf, time);
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
    this.#tree.close();
  }

  #count(entry: TarEntry): void {
    const { bytes, entries } = this.#options.limits;
    if (++this.counts.entries > entries) {
      throw oversizedArchive(`it has more than ${entries} files`, LIMIT_HINT);
    }
    if (Math.max(entry.name.length, entry.link.length) >= PATH_MAX) {
      throw corruptArchive(`the path ${shown(entry.name)} is too long`);
    }
    this.counts.size += entry.size;
    if (this.counts.size > bytes) {
      throw oversizedArchive(
        `it has more than ${bytes} bytes with ${shown(entry.name)}`,
        LIMIT_HINT,
      );
    }
  }

  #beginFile(place: Place, entry: TarEntry): void {
    const fd = this.#tree.make(
      place,
      (parent) => openAt(parent, place.leaf, NEW_FILE, entry.mode & 0o777),
    );
    if (fd < 0) throw failed(-fd, "make the file", entry.name);
    this.#file = { fd, entry };
  }

  /** The kernel drops capabilities and setuid when data or the owner change: so data, owner, the rest. */
  #finishFile(fd: number, entry: TarEntry): void {
    if (entry.sparse !== undefined) {
      const result = setLength(fd, entry.size);
      if (result < 0) throw failed(-result, "set the size of", entry.name);
    }
    const owned = this.#owner(entry, (uid, gid) => changeOwner(fd, uid, gid));
    this.#attributes(fd, entry);
    const mode = this.#modeOf(entry);
    if (owned || mode > 0o777) changeMode(fd, mode);
    const result = setTimes(fd, entry.mtime);
    if (result < 0) throw failed(-result, "set the time of", entry.name);
  }

  #directory(place: Place, entry: TarEntry): void {
    const isNew = this.#tree.makeDirectory(place, entry.mode & 0o777);
    const parent = this.#tree.parentOf(place);
    const owned = this.#owner(
      entry,
      (uid, gid) => changeOwnerAt(parent, place.leaf, uid, gid),
      !isNew,
    );
    if (entry.xattrs.length > 0) this.#directoryAttributes(parent, place, entry);
    const mode = this.#modeOf(entry);
    if (owned || !isNew || mode > 0o777) changeModeAt(parent, place.leaf, mode);
    this.#times.set(pathOf(place), { place, time: entry.mtime });
  }

  #directoryAttributes(parent: number, place: Place, entry: TarEntry): void {
    const fd = openAt(parent, place.leaf, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (fd < 0) throw failed(-fd, "open", entry.name);
    try {
      this.#attributes(fd, entry);
    } finally {
      closeSync(fd);
    }
  }

  #symlink(place: Place, entry: TarEntry): void {
    if (entry.link === "") throw corruptArchive(`the link ${shown(entry.name)} points nowhere`);
    this.#make(place, entry, (parent) => makeLinkAt(entry.link, parent, place.leaf));
    const parent = this.#tree.parentOf(place);
    this.#owner(entry, (uid, gid) => changeOwnerAt(parent, place.leaf, uid, gid));
    this.counts.skippedXattrs += entry.xattrs.length;
    setTimesAt(parent, place.leaf, entry.mtime);
  }

  /** Both ends are places of this layer, so a hard link cannot reach anything outside it. */
  #hardlink(place: Place, entry: TarEntry): void {
    const target = placeOf(entry.link);
    if (pathOf(target) === pathOf(place)) return;
    if (this.#tree.hasDirectory(target) !== false) {
      throw corruptArchive(
        `${shown(entry.name)} is a hard link to ${shown(entry.link)}, no file of the layer`,
      );
    }
    this.#make(
      place,
      entry,
      (parent) => hardLinkAt(this.#tree.parentOf(target), target.leaf, parent, place.leaf),
    );
  }

  #fifo(place: Place, entry: TarEntry): void {
    const mode = S_IFIFO | (entry.mode & 0o777);
    this.#make(place, entry, (parent) => makeNodeAt(parent, place.leaf, mode, 0));
    const parent = this.#tree.parentOf(place);
    this.#owner(entry, (uid, gid) => changeOwnerAt(parent, place.leaf, uid, gid));
    changeModeAt(parent, place.leaf, this.#modeOf(entry));
    setTimesAt(parent, place.leaf, entry.mtime);
  }

  #make(place: Place, entry: TarEntry, make: (parent: number) => number): void {
    const result = this.#tree.make(place, make);
    if (result === -ENOENT) throw corruptArchive(`${shown(entry.name)} links to what is gone`);
    if (result < 0) throw failed(-result, "make", entry.name);
  }

  /** @returns whether the owner was set, which clears setuid and setgid */
  #owner(
    { uid, gid, name }: TarEntry,
    change: (uid: number, gid: number) => number,
    always = false,
  ): boolean {
    const isRoots = uid === 0 && gid === 0;
    if (isRoots && !always) return false;
    if (this.#options.ids === "single") {
      if (!isRoots) this.counts.ownersLost = true;
      return false;
    }
    const result = change(uid, gid);
    if (result === -EINVAL) throw unmapped(uid, gid, name);
    if (result < 0) throw failed(-result, "set the owner of", name);
    return true;
  }

  /** A program that ran as a user we do not have must not run as root instead. */
  #modeOf({ mode, uid, gid }: TarEntry): number {
    if (this.#options.ids === "full") return mode;
    return mode & (uid === 0 ? ~0 : ~0o4000) & (gid === 0 ? ~0 : ~0o2000);
  }

  #attributes(fd: number, entry: TarEntry): void {
    for (const { name, value } of entry.xattrs) {
      const result = isAllowedAttribute(name) ? setAttribute(fd, name, value) : -EPERM;
      if (result === 0) continue;
      if (!NOT_KEPT.has(-result)) throw failed(-result, "set an attribute of", entry.name);
      this.counts.skippedXattrs++;
    }
  }

  #hide(whiteout: Whiteout): void {
    if (this.#options.isBase || whiteout.kind === "ignored") return;
    if (whiteout.kind === "opaque") return this.#hideDirectory(whiteout.directory);
    const { place } = whiteout;
    const result = makeNodeAt(this.#tree.parentOf(place), place.leaf, S_IFCHR, 0);
    if (result === 0) return;
    if (result !== -EEXIST) throw noWhiteout(result, place);
    // This layer has the name itself, which hides all but the content of a directory below.
    if (this.#tree.hasDirectory(place)) this.#tree.hideBelow(place);
  }

  #hideDirectory(directory: Place): void {
    if (directory.leaf === ".") {
      throw new TsboxError("unsupported", "Cannot unpack the layer: it hides all layers below");
    }
    this.#tree.makeDirectory(directory, 0o755);
    this.#tree.hideBelow(directory);
  }

  #forgetTimes(path: ByteString): void {
    for (const key of this.#times.keys()) {
      if (key === path || key.startsWith(`${path}/`)) this.#times.delete(key);
    }
  }
}

/** Refusals that mean "this file system, or this user, cannot have the attribute". */
const NOT_KEPT = new Set([EPERM, EINVAL, ENODATA, EOPNOTSUPP]);

const LIMIT_HINT = "raise TSBOX_MAX_LAYER_BYTES or TSBOX_MAX_LAYER_FILES if you trust the image";

function unmapped(uid: number, gid: number, name: ByteString): TsboxError {
  return new TsboxError(
    "unsupported",
    `Cannot unpack the layer: ${shown(name)} belongs to ${uid}:${gid}, which is not mapped`,
    { hint: "give the user more subordinate ids in /etc/subuid and /etc/subgid" },
  );
}

function noWhiteout(result: number, place: Place): TsboxError {
  const cause = failed(-result, "hide", pathOf(place));
  if (cause.code !== "kernel") return cause;
  return new TsboxError("host", cause.message, {
    cause,
    hint: "the store's file system must take character devices 0/0, see 'tsbox doctor'",
  });
}
