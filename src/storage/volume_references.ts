/**
 * Which containers use which volumes: a file in the directory of each container that has any, written
 * before the volumes are counted on. It goes with the container, so no reference outlives its holder.
 */
import { ERRNO } from "../ffi/errno.ts";
import { listDirectory } from "../ffi/listing.ts";
import { exists, isErrno, readTextIfAny, rename, writeText } from "../ffi/quick_files.ts";
import { readRecord } from "./container_record.ts";
import { storePaths } from "./layout.ts";
import { detachVolume, withVolumes } from "./volumes.ts";

/** A container's use of a volume. */
export interface VolumeReference {
  name: string;
  /** The volume goes when the container is removed together with its volumes. */
  anonymous: boolean;
}

const fileOf = (directory: string) => `${directory}/volumes.json`;

/** Whether the container in `directory` uses volumes: one system call. */
export function hasVolumes(directory: string): boolean {
  return exists(fileOf(directory));
}

/** Says what the container in `directory` uses. The caller is in withVolumes. */
export function writeReferences(directory: string, references: readonly VolumeReference[]): void {
  const temporary = `${fileOf(directory)}.new`;
  writeText(temporary, JSON.stringify(references), 0o600);
  rename(temporary, fileOf(directory));
}

/**
 * What the container in `directory` uses. Should a power cut have taken the file's content, the record knows the same:
 * a volume that is used must not pass for one that is not.
 */
export function readReferences(directory: string): VolumeReference[] {
  const text = readTextIfAny(fileOf(directory));
  return text === undefined ? [] : parsed(text) ?? recorded(directory);
}

function parsed(text: string): VolumeReference[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter(isReference) : undefined;
  } catch {
    return undefined;
  }
}

function recorded(directory: string): VolumeReference[] {
  const { mounts = [] } = readRecord(directory)?.options ?? {};
  return mounts.flatMap((mount) =>
    mount.type === "volume" ? [{ name: mount.name, anonymous: mount.anonymous }] : []
  );
}

function isReference(value: unknown): value is VolumeReference {
  return typeof value === "object" && value !== null && "name" in value && "anonymous" in value &&
    typeof value.name === "string" && typeof value.anonymous === "boolean";
}

/** Ids of the containers that use each volume, those that are being made included. */
export function volumeUsers(dataRoot: string): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const id of containerIds(dataRoot)) {
    for (const { name } of readReferences(`${storePaths(dataRoot).containers}/${id}`)) {
      const ids = users.get(name);
      if (ids === undefined) users.set(name, [id]);
      else if (!ids.includes(id)) ids.push(id);
    }
  }
  return users;
}

function containerIds(dataRoot: string): string[] {
  try {
    return listDirectory(storePaths(dataRoot).containers).map(({ name }) => name).sort();
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return [];
    throw thrown;
  }
}

/**
 * Takes the anonymous volumes of a container that is about to be deleted out of the store, as far as no
 * other container uses them. Before the container goes: who is killed in between leaves one that still
 * knows what was its own.
 * @param directory of the container, which has ended and whose lock the caller holds
 * @returns absolute paths in `tmp/`, to be deleted
 */
export function detachAnonymousVolumes(dataRoot: string, directory: string): string[] {
  if (!hasVolumes(directory)) return [];
  const id = directory.slice(directory.lastIndexOf("/") + 1);
  return withVolumes(dataRoot, () => {
    const users = volumeUsers(dataRoot);
    return readReferences(directory)
      .filter(({ name, anonymous }) => anonymous && users.get(name)?.every((user) => user === id))
      .flatMap(({ name }) => detachVolume(dataRoot, name) ?? []);
  });
}
