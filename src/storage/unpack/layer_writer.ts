/** Writes the members of a layer's archive into its directory, exactly: a {@link TarSink} with a file system. */
import { ERRNO } from "../../ffi/errno.ts";
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
  setTimes,
  setTimesAt,
} from "../../ffi/files.ts";
import { setLength, writeAll, writeAllAt } from "../../ffi/file_content.ts";
import { O, S_IFCHR, S_IFIFO } from "../../ffi/constants.ts";
import { TsboxError } from "../../errors.ts";
import {
  corruptArchive,
  oversizedArchive,
  shown,
  type TarEntry,
  type TarSink,
} from "../tar/entry.ts";
import { Metadata } from "./metadata.ts";
import { pathOf, type Place, placeOf } from "./names.ts";
import type { WriterCounts, WriterOptions } from "./options.ts";
import { failed, LayerTree } from "./tree.ts";
import { type Whiteout, whiteoutOf } from "./whiteouts.ts";

const SET_GROUP_ID = 0o2000;
const NEW_FILE = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;

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
  readonly #metadata: Metadata;
  /** By path; finished when all is in them. */
  readonly #directories = new Map<ByteString, { place: Place; entry: TarEntry }>();
  #file: { fd: number; entry: TarEntry } | undefined;

  /** @param directory absolute path; exists and is empty */
  constructor(directory: ByteString, options: WriterOptions) {
    this.#tree = new LayerTree(directory, (path) => this.#forget(path));
    this.#options = options;
    this.#metadata = new Metadata(options.ids, this.counts);
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
    const what = () => `write ${shown(entry.name)} of the layer`;
    if (entry.sparse === undefined) writeAll(fd, bytes, what);
    else writeAllAt(fd, bytes, position, what);
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

  /** To be called when all entries were given; the layer is whole then. */
  finish(): void {
    for (const { place, entry } of this.#directories.values()) this.#finishDirectory(place, entry);
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
    const owned = this.#metadata.setOwner(entry, (uid, gid) => changeOwner(fd, uid, gid));
    this.#metadata.setAttributes(fd, entry);
    const mode = this.#metadata.modeOf(entry);
    if (owned || mode > 0o777) changeMode(fd, mode);
    const result = setTimes(fd, entry.mtime);
    if (result < 0) throw failed(-result, "set the time of", entry.name);
  }

  #directory(place: Place, entry: TarEntry): void {
    const isNew = this.#tree.makeDirectory(place, entry.mode & 0o777);
    const parent = this.#tree.parentOf(place);
    const owned = this.#metadata.setOwner(
      entry,
      (uid, gid) => changeOwnerAt(parent, place.leaf, uid, gid),
      !isNew,
    );
    const mode = this.#metadata.modeOf(entry) & ~SET_GROUP_ID;
    if (owned || !isNew || mode > 0o777) changeModeAt(parent, place.leaf, mode);
    this.#directories.set(pathOf(place), { place, entry });
  }

  /** What would change, or be changed by, things made in the directory: its time, setgid, default ACL. */
  #finishDirectory(place: Place, entry: TarEntry): void {
    const parent = this.#tree.parentOf(place);
    const mode = this.#metadata.modeOf(entry);
    if (entry.xattrs.length > 0) this.#directoryAttributes(parent, place, entry);
    if ((mode & SET_GROUP_ID) !== 0) changeModeAt(parent, place.leaf, mode);
    setTimesAt(parent, place.leaf, entry.mtime);
  }

  #directoryAttributes(parent: number, place: Place, entry: TarEntry): void {
    const fd = openAt(parent, place.leaf, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (fd < 0) throw failed(-fd, "open", entry.name);
    try {
      this.#metadata.setAttributes(fd, entry);
    } finally {
      closeSync(fd);
    }
  }

  #symlink(place: Place, entry: TarEntry): void {
    if (entry.link === "") throw corruptArchive(`the link ${shown(entry.name)} points nowhere`);
    this.#make(place, entry, (parent) => makeLinkAt(entry.link, parent, place.leaf));
    const parent = this.#tree.parentOf(place);
    this.#metadata.setOwner(entry, (uid, gid) => changeOwnerAt(parent, place.leaf, uid, gid));
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
    this.#metadata.setOwner(entry, (uid, gid) => changeOwnerAt(parent, place.leaf, uid, gid));
    changeModeAt(parent, place.leaf, this.#metadata.modeOf(entry));
    setTimesAt(parent, place.leaf, entry.mtime);
  }

  #make(place: Place, entry: TarEntry, make: (parent: number) => number): void {
    const result = this.#tree.make(place, make);
    if (result === -ERRNO.ENOENT) {
      throw corruptArchive(`${shown(entry.name)} links to what is gone`);
    }
    if (result < 0) throw failed(-result, "make", entry.name);
  }

  #hide(whiteout: Whiteout): void {
    if (this.#options.isBase || whiteout.kind === "ignored") return;
    if (whiteout.kind === "opaque") return this.#hideDirectory(whiteout.directory);
    const { place } = whiteout;
    const result = makeNodeAt(this.#tree.parentOf(place), place.leaf, S_IFCHR, 0);
    if (result === 0) return;
    if (result !== -ERRNO.EEXIST) throw noWhiteout(result, place);
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

  #forget(path: ByteString): void {
    for (const key of this.#directories.keys()) {
      if (key === path || key.startsWith(`${path}/`)) this.#directories.delete(key);
    }
  }
}

const LIMIT_HINT =
  "raise max-layer-bytes or max-layer-files (TSBOX_MAX_LAYER_...) if you trust the image";

function noWhiteout(result: number, place: Place): TsboxError {
  const cause = failed(-result, "hide", pathOf(place));
  if (cause.code !== "kernel") return cause;
  return new TsboxError("host", cause.message, {
    cause,
    hint: "the store's file system must take character devices 0/0, see 'tsbox doctor'",
  });
}
