/**
 * Docker's `config.json`, which belongs to the user and other programs too: what we do not know in it stays,
 * and a reader sees the old file or the new one, never a part.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { messageOf, TsboxError } from "../errors.ts";
import { flock } from "../ffi/flock.ts";
import { JsonReader } from "../oci/json_reader.ts";

/** The file as a whole; unknown keys included. */
export type DockerConfig = Record<string, unknown>;

/** Bytes of the file. */
const MAX_CONFIG_FILE = 1024 * 1024;
/** Symbolic links followed to a file that is not there yet. */
const MAX_LINKS = 10;

export function dockerConfigPath(dockerConfigDir: string): string {
  return `${dockerConfigDir}/config.json`;
}

/**
 * The config as a reader; undefined when there is no file.
 * @throws TsboxError("invalid-argument") when it is no JSON object; what it holds is never shown
 */
export function readDockerConfig(dockerConfigDir: string): JsonReader | undefined {
  const path = dockerConfigPath(dockerConfigDir);
  const config = parseFile(path);
  return config && new JsonReader(config, "config.json");
}

/**
 * Replaces the config by what `change` makes of it, durably and as a file only its owner reads. A symbolic
 * link stays one: dotfiles are kept elsewhere by many. Two changes at once wait for each other.
 * @param change returns undefined to leave everything as it is
 * @throws TsboxError("invalid-argument") for a config that is no JSON object, "host" when it cannot be written
 */
export function changeDockerConfig(
  dockerConfigDir: string,
  change: (config: DockerConfig) => DockerConfig | undefined,
): void {
  const path = dockerConfigPath(dockerConfigDir);
  try {
    mkdirSync(dockerConfigDir, { recursive: true, mode: 0o700 });
    const target = targetOf(path);
    withFolderLocked(dirname(target), () => {
      const changed = change(parseFile(path) ?? {});
      if (changed !== undefined) replace(target, JSON.stringify(changed, undefined, "\t"));
    });
  } catch (cause) {
    if (cause instanceof TsboxError) throw cause;
    throw new TsboxError("host", `Cannot write "${path}": ${messageOf(cause)}`, { cause });
  }
}

/** Bytes of a file the user may have written, or undefined when there is none. */
function readOptionalFile(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new TsboxError("invalid-argument", `Cannot read "${path}": ${messageOf(cause)}`, {
      cause,
    });
  }
}

function parseFile(path: string): DockerConfig | undefined {
  const bytes = readOptionalFile(path);
  if (bytes === undefined) return undefined;
  try {
    if (bytes.length > MAX_CONFIG_FILE) throw new Error("too long");
    // An empty file is what `touch` leaves, and docker takes it.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim() || "{}";
    return asObject(JSON.parse(text));
  } catch {
    // What JSON.parse says may quote a password.
    throw new TsboxError("invalid-argument", `Cannot use "${path}": it is not a JSON object`);
  }
}

function asObject(value: unknown): DockerConfig {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("not an object");
  }
  return { ...value };
}

/** An object in the config, or an empty one. */
export function section(config: DockerConfig, key: string): DockerConfig {
  const value = config[key] ?? {};
  if (typeof value === "object" && !Array.isArray(value)) return { ...value };
  throw new TsboxError(
    "invalid-argument",
    `Cannot use docker's config.json: its "${key}" is not an object`,
  );
}

/** Where the file itself is, or will be. */
function targetOf(path: string): string {
  let target = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const status = lstatSync(target, { throwIfNoEntry: false });
    if (!status?.isSymbolicLink()) return `${realpathSync(dirname(target))}/${lastPart(target)}`;
    target = resolve(dirname(target), readlinkSync(target));
  }
  throw new Error("too many symbolic links");
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folder is what is locked: a lock file of ours would stay in a folder that is not ours. */
function withFolderLocked(folder: string, action: () => void): void {
  const fd = openSync(folder, "r");
  try {
    lockIfPossible(fd);
    action();
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function lockIfPossible(fd: number): void {
  try {
    flock(fd, "exclusive", true);
  } catch {
    // NFS locks no folders. The rename still keeps the file whole.
  }
}

function replace(target: string, text: string): void {
  const temporary = `${target}.tsbox-new`;
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
    keepOwner(target, temporary);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** With sudo the file is someone else's, and they must be able to read it after us. */
function keepOwner(target: string, temporary: string): void {
  const old = statSync(target, { throwIfNoEntry: false });
  if (old === undefined) return;
  try {
    chownSync(temporary, old.uid, old.gid);
    chmodSync(temporary, 0o600);
  } catch {
    // A file of another owner in a folder of ours becomes ours.
  }
}
