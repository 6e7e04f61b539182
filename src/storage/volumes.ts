/**
 * The volumes of a store: directories that outlive containers. A volume has its name when it is complete;
 * whoever makes or takes one away, or counts on one, does so under `volumes.lock`.
 */
import { ERRNO } from "../ffi/errno.ts";
import { listDirectory } from "../ffi/listing.ts";
import {
  changeMode,
  ensureDirectory,
  exists,
  isErrno,
  linkStatus,
  makeDirectory,
  readTextIfAny,
  rename,
  writeText,
} from "../ffi/quick_files.ts";
import { randomBytes } from "../ffi/random.ts";
import { checkVolumeName } from "../container/volume_name.ts";
import { TsboxError } from "../errors.ts";
import { openStore, storePaths } from "./layout.ts";
import { withLock } from "./lock.ts";
import { removeDirectly } from "./remove_directly.ts";
import { syncDirectory, writeDurably } from "./replace_file.ts";
import { trashPath } from "./trash.ts";

/** What is kept of a volume: `volumes/<name>/volume.json`. */
export interface VolumeRecord {
  name: string;
  /** RFC 3339, UTC, whole seconds, as docker's. */
  created: string;
  labels: Record<string, string>;
  /** The driver's options, as given with `-o`. */
  options: Record<string, string>;
}

/** A volume that is there. */
export interface StoredVolume extends VolumeRecord {
  /** Absolute: holds the record and the data. */
  directory: string;
  /** Absolute: what containers see. */
  data: string;
}

/** The label docker gives to volumes nobody named. */
export const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

/** What is being copied for a volume, beside its data; see fill_volume.ts. */
export const FILLING = "filling";

/** What was copied for a volume and is not all in its data yet; see fill_volume.ts. */
export const ARRIVING = "arriving";

/** The volume that is being made: no name of one. */
export const MAKING = ".new";

/** A name for a volume nobody named: 64 hexadecimal digits. */
export function anonymousName(): string {
  return randomBytes(32).toHex();
}

/** Runs `action` while nobody else makes, removes or begins to use a volume; for short actions only. */
export function withVolumes<T>(dataRoot: string, action: () => T): T {
  const { volumes, volumesLock } = openStore(dataRoot);
  ensureDirectory(volumes, 0o700);
  return withLock(volumesLock, action);
}

/** The volume of that name; undefined when there is none. @throws TsboxError "invalid-argument", "corrupt" */
export function findVolume(dataRoot: string, name: string): StoredVolume | undefined {
  checkVolumeName(name);
  const directory = `${storePaths(dataRoot).volumes}/${name}`;
  if (linkStatus(directory) === undefined) return undefined;
  const record = parsedRecord(readTextIfAny(`${directory}/volume.json`));
  const data = `${directory}/_data`;
  // A link in its place would make whatever it leads to the container's.
  if (record?.name === name && linkStatus(data)?.isDirectory) return { ...record, directory, data };
  throw new TsboxError("corrupt", `Cannot use the volume "${name}": "${directory}" is damaged`, {
    hint: "look at what is in it, then remove it with 'tsbox volume rm -f'",
  });
}

/** Names of all volumes, sorted; damaged ones too. */
export function volumeNames(dataRoot: string): string[] {
  try {
    const found = listDirectory(storePaths(dataRoot).volumes);
    return found.filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."))
      .map(({ name }) => name).sort();
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return [];
    throw thrown;
  }
}

/** What a new volume is to be. */
export interface WantedVolume {
  name: string;
  labels?: Readonly<Record<string, string>>;
  options?: Readonly<Record<string, string>>;
  /** It will not outlive its container: no waiting for the disk. */
  volatile?: boolean;
}

/**
 * The volume of that name, made when there is none; one that is there stays as it is. The caller is in
 * {@link withVolumes}.
 * @throws TsboxError "invalid-argument", "corrupt", "no-space" or "host"; nothing is left of it then
 */
export function ensureVolume(dataRoot: string, wanted: WantedVolume): StoredVolume {
  const { name } = wanted;
  const found = findVolume(dataRoot, name);
  if (found !== undefined) return found;
  const { volumes } = storePaths(dataRoot);
  const record: VolumeRecord = {
    name,
    created: new Date().toISOString().replace(/\.\d+/, ""),
    labels: { ...wanted.labels },
    options: { ...wanted.options },
  };
  const directory = `${volumes}/${name}`;
  // No volume can have that name, and nobody else makes one now: what is there was left by the dead.
  const making = `${volumes}/${MAKING}`;
  if (exists(making)) removeDirectly(making);
  try {
    writeVolume(making, record, wanted.volatile ?? false);
    rename(making, directory);
  } catch (thrown) {
    removeDirectly(making);
    throw thrown;
  }
  if (!wanted.volatile) syncDirectory(volumes);
  return { ...record, directory, data: `${directory}/_data` };
}

function writeVolume(directory: string, record: VolumeRecord, volatile: boolean): void {
  makeDirectory(directory, 0o700);
  makeDirectory(`${directory}/_data`, 0o755);
  // As the image's users must be able to enter it, whatever the caller's umask is.
  changeMode(`${directory}/_data`, 0o755);
  const [path, text] = [`${directory}/volume.json`, JSON.stringify(record)];
  if (volatile) return writeText(path, text, 0o600);
  writeDurably(path, text);
  syncDirectory(directory);
}

/**
 * Takes a volume out of the store; the caller is in {@link withVolumes} and knows that nobody uses it.
 * @returns absolute path in `tmp/` where its tree is now, to be deleted; undefined when there was none
 */
export function detachVolume(dataRoot: string, name: string): string | undefined {
  checkVolumeName(name);
  const { volumes } = storePaths(dataRoot);
  const tree = trashPath(dataRoot, `volume-${randomBytes(8).toHex()}`);
  try {
    rename(`${volumes}/${name}`, tree);
    return tree;
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return undefined;
    throw thrown;
  }
}

function parsedRecord(text: string | undefined): VolumeRecord | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return isVolumeRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isVolumeRecord(value: unknown): value is VolumeRecord {
  return isObject(value) && typeof value["name"] === "string" &&
    typeof value["created"] === "string" && isWords(value["labels"]) && isWords(value["options"]);
}

function isWords(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((word) => typeof word === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
