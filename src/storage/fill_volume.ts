/**
 * What an image has at a volume's place becomes the content of an empty volume, as docker does it.
 *
 * The copy is made beside the data, then moved in: `filling` is being copied and worth nothing without its
 * maker; `arriving` is complete. Whoever finds `arriving` moves the rest of it. The data's directory itself
 * stays the same one, since another container may have it mounted. All of it under the volume's lock.
 *
 * Runs as root of the user namespace.
 */
import { mkdirSync, renameSync } from "node:fs";
import { AT_FDCWD, O } from "../ffi/constants.ts";
import { ERRNO } from "../ffi/errno.ts";
import { syncFileSystem } from "../ffi/file_content.ts";
import {
  bytesOfText,
  entriesOf,
  openAt,
  removeDirectoryAt,
  RENAME_NOREPLACE,
  renameAt,
  statusAt,
} from "../ffi/files.ts";
import { raw, SyscallError } from "../ffi/libc.ts";
import { TsboxError } from "../errors.ts";
import { copyAttributes, copyMerged, type KnownIds } from "./copy_tree.ts";
import { lockFile } from "./lock.ts";
import { closeSources, openLayers, openMergedDirectory } from "./merged_path.ts";
import { removeTree, removeTreeAt } from "./remove_tree.ts";
import { ARRIVING, FILLING } from "./volumes.ts";

/** A volume that may have to be filled. */
export interface VolumeFilling {
  /** Absolute: where its `_data` is. */
  volume: string;
  /** Absolute path in the image whose content it gets; undefined: only what was begun is finished. */
  path?: string;
}

/** The job: fills volumes from one image. */
export interface FillJob {
  /** Absolute paths of unpacked layers, the topmost first. */
  layers: readonly string[];
  ids: KnownIds;
  /** Nobody will want these volumes after a crash of the host: no waiting for the disk. */
  volatile: boolean;
  volumes: readonly VolumeFilling[];
}

/**
 * Fills the volumes that are empty. Returns the paths in the image that stayed out of their volumes, because
 * with a single id they belong to nobody: the container could not read them either.
 * @throws TsboxError
 */
export function fillVolumes({ volumes, ...how }: FillJob): string[] {
  return volumes.flatMap((filling) => {
    try {
      fillVolume(filling, how);
      return [];
    } catch (thrown) {
      const isForeign = thrown instanceof SyscallError && thrown.errno === ERRNO.EACCES;
      if (how.ids === "single" && isForeign) return filling.path ?? [];
      throw withHint(thrown, filling);
    }
  });
}

function withHint(thrown: unknown, { volume, path = "" }: VolumeFilling): unknown {
  if (!(thrown instanceof SyscallError)) return thrown;
  const name = volume.slice(volume.lastIndexOf("/") + 1);
  const what = `Cannot copy "${path}" of the image into the volume "${name}": ${thrown.message}`;
  const full = thrown.code === "no-space";
  return new TsboxError(full ? "no-space" : "host", what, {
    cause: thrown,
    hint: full ? "free some space" : "mount it with volume-nocopy to start with an empty one",
  });
}

function fillVolume(
  { volume, path }: VolumeFilling,
  how: Omit<FillJob, "volumes">,
): void {
  const lock = lockFile(`${volume}/lock`, "exclusive", { wait: true });
  const data = openDirectory(`${volume}/_data`);
  try {
    moveIn(volume, data);
    if (path === undefined) return removeTree(`${volume}/${FILLING}`);
    if (entriesOf(data).length > 0) return;
    if (!copyBeside(volume, path, how)) return;
    renameSync(`${volume}/${FILLING}`, `${volume}/${ARRIVING}`);
    moveIn(volume, data);
  } finally {
    raw("close", data);
    lock?.release();
  }
}

function openDirectory(path: string): number {
  const fd = openAt(AT_FDCWD, bytesOfText(path), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) throw new SyscallError(`open "${path}"`, "openat", -fd);
  return fd;
}

/** Makes the copy; false when the image has no directory there. */
function copyBeside(
  volume: string,
  path: string,
  { layers, ids, volatile }: Omit<FillJob, "volumes">,
): boolean {
  const filling = `${volume}/${FILLING}`;
  removeTree(filling);
  const tops = openLayers(layers);
  try {
    const sources = openMergedDirectory(tops, bytesOfText(path));
    if (sources === undefined) return false;
    mkdirSync(filling, { mode: 0o700 });
    try {
      const { entries } = copyMerged(sources, filling, ids);
      if (entries > 0 && !volatile) syncTree(filling);
    } catch (thrown) {
      removeTree(filling);
      throw thrown;
    } finally {
      closeSources(sources);
    }
    return true;
  } finally {
    closeSources(tops);
  }
}

function syncTree(path: string): void {
  const fd = openDirectory(path);
  try {
    syncFileSystem(fd);
  } finally {
    raw("close", fd);
  }
}

/** Moves what has arrived into the data's directory, which becomes like it; nothing when nothing has. */
function moveIn(volume: string, data: number): void {
  const home = openDirectory(volume);
  let arrived = -1;
  try {
    if (statusAt(home, ARRIVING) === undefined) return;
    arrived = openDirectory(`${volume}/${ARRIVING}`);
    const status = statusAt(arrived, "");
    if (status !== undefined) copyAttributes(arrived, data, status, "");
    for (const { name } of entriesOf(arrived)) moveEntry(arrived, data, name);
    const result = removeDirectoryAt(home, ARRIVING);
    if (result < 0) throw new SyscallError(`remove "${volume}/${ARRIVING}"`, "unlinkat", -result);
  } finally {
    raw("close", arrived);
    raw("close", home);
  }
}

function moveEntry(from: number, to: number, name: string): void {
  const result = renameAt(from, name, to, name, RENAME_NOREPLACE);
  // A container that has the volume mounted was faster: what it wrote counts.
  if (result === -ERRNO.EEXIST) return removeTreeAt(from, name);
  if (result < 0) throw new SyscallError("fill the volume", "renameat2", -result);
}
