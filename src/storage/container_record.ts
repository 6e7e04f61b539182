import { launchNotes } from "../container/annotations.ts";
import type { PortMapping, RunOptions } from "../container/run_options.ts";
import { wallMicroseconds } from "../ffi/clock.ts";
import { ERRNO } from "../ffi/errno.ts";
import { exists, isErrno, readText, rename, unlink, writeText } from "../ffi/quick_files.ts";
import { withDirectoryLock } from "./container_lock.ts";
import { isFull, writeSpare } from "./spare_record.ts";
import { settleDown, unsettle } from "./unsettled.ts";
import type { Healthcheck } from "../oci/healthcheck.ts";
import type { RuntimeSpec, SpecMount } from "../oci/runtime_spec.ts";

/** Where a container is in its life; each member carries what exists there. Times are RFC 3339. */
export type ContainerState =
  /** Not started; with `error`, the start failed and `exitCode` is what `run` answered. */
  | { status: "created"; exitCode?: number; error?: string }
  /** `pidStart` is the process's start time (field 22 of /proc/PID/stat): pids are reused. */
  | {
    status: "running";
    pid: number;
    pidStart: number;
    startedAt: string;
    bootId?: string;
    /** Absolute: the directory of its control group, where it has one of its own. */
    cgroup?: string;
    paused?: boolean;
  }
  /** Between two lives: its monitor is about to start it again. */
  | { status: "restarting"; exitCode: number; startedAt: string; finishedAt: string }
  | {
    status: "exited";
    exitCode: number;
    error?: string;
    oomKilled?: boolean;
    startedAt: string;
    finishedAt: string;
  };

/** The part of the runtime spec that `inspect` and `ps` show. */
export interface SpecSummary {
  /** The command as executed, the first word included. */
  args: string[];
  env: string[];
  cwd: string;
  hostname: string;
  mounts: SpecMount[];
  /** What `-u` or the image said, as text; undefined in records of older versions. */
  user?: string;
}

/** What is kept of a container: `containers/<id>/container.json`. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** While it is being renamed, the name before or after, which is its own too. */
  otherName?: string;
  /** RFC 3339, UTC. */
  created: string;
  /** `reference` is as the user typed it; `id` is `sha256:...`; both empty with `--rootfs`. */
  image: { reference: string; id: string };
  options: RunOptions;
  spec: SpecSummary;
  /** The image's labels and the user's over them. */
  labels: Record<string, string>;
  /** How the root filesystem is made, as `info` names it; empty with `--rootfs`. */
  driver: string;
  /** The owners of the image's files could not be applied: single-id map. */
  ownersLost: boolean;
  /** As published, the kernel's choice in place of port 0; undefined while only `options.publish` is known. */
  ports?: PortMapping[];
  /** What asks it to end: the user's or the image's choice; SIGTERM when neither has one. */
  stopSignal?: string;
  /** Ports that it is said to listen on, `80/tcp`: the image's word and the user's. Undefined: none. */
  exposed?: string[];
  /** What is checked while it runs: the user's word and the image's; undefined: nothing. */
  healthcheck?: Healthcheck;
  /** What a check's line is given to, where that is not `/bin/sh -c`. */
  shell?: string[];
  /** How often its monitor started it again. */
  restartCount?: number;
  /** The user stopped it: `unless-stopped` does not start it after a reboot. */
  stoppedByUser?: boolean;
  state: ContainerState;
}

/** Takes out of a spec what the record keeps of it. */
export function summarizeSpec(spec: RuntimeSpec): SpecSummary {
  const { args, env, cwd } = spec.process;
  const { user } = launchNotes(spec);
  return { args, env, cwd, hostname: spec.hostname ?? "", mounts: spec.mounts, user };
}

/** Now, as RFC 3339 in UTC with microseconds: containers made in one millisecond keep their order. */
export function timestamp(): string {
  const micros = wallMicroseconds();
  const rest = micros % 1000;
  const digits = String(rest).padStart(3, "0");
  return new Date((micros - rest) / 1000).toISOString().replace("Z", `${digits}Z`);
}

/**
 * Replaces the record of the container in `directory` (its folder below `containers/`).
 *
 * A reader sees the old or the new one, never a part. There is no fsync: a power cut that loses the
 * record has ended the container too.
 * @throws SyscallError; on a full disk only where no room was kept (spare_record.ts)
 */
export function writeRecord(directory: string, record: ContainerRecord): void {
  const text = JSON.stringify(record);
  const path = recordPath(directory);
  const rests = isAtRest(record);
  if (!rests) unsettle(directory);
  try {
    replaceRecord(path, text);
  } catch (thrown) {
    if (!isFull(thrown)) throw thrown;
    if (!writeSpare(directory, path, text)) replaceRecord(path, text);
  }
  if (rests) settleDown(directory);
}

/**
 * {@link writeRecord} for who knows what is about to be true: all but the last step, which puts the record in its place.
 * What was prepared and is never put there is lost with the next record that this process writes, or with the container.
 * @returns that step, which throws as writeRecord
 */
export function prepareRecord(directory: string, record: ContainerRecord): () => void {
  const path = recordPath(directory);
  unsettle(directory);
  try {
    writeText(temporaryOf(path), JSON.stringify(record), 0o600);
  } catch {
    // On a full disk there are other ways.
    return () => writeRecord(directory, record);
  }
  return () => rename(temporaryOf(path), path);
}

const recordPath = (directory: string) => `${directory}/container.json`;

/** Where a record is until it is whole. */
const temporaryOf = (path: string) => `${path}.${process.pid}`;

/** Whether nothing runs in it, and nobody is to delete it. */
export function isAtRest({ state: { status }, options }: Restable): boolean {
  return status === "created" || (status === "exited" && !options.remove);
}

/** {@link isAtRest} for the container in `directory`; false for one without a record that can be read. */
export function restsNow(directory: string): boolean {
  const record = readRecord(directory);
  return record !== undefined && isAtRest(record);
}

type Restable = Pick<ContainerRecord, "state"> & { options: Pick<RunOptions, "remove"> };

function replaceRecord(path: string, text: string): void {
  const temporary = temporaryOf(path);
  try {
    writeText(temporary, text, 0o600);
    rename(temporary, path);
  } catch (thrown) {
    try {
      unlink(temporary);
    } catch {
      // There was no room for the name either.
    }
    throw thrown;
  }
}

/**
 * Changes the record that is there, while nobody else does: its monitor and commands such as `rename` both write it.
 * @param written told of the new record before anybody else can change it
 * @returns what was written; undefined when there is no record
 */
export function changeRecord(
  directory: string,
  change: (record: ContainerRecord) => ContainerRecord,
  written: (record: ContainerRecord) => void = () => {},
): ContainerRecord | undefined {
  try {
    return withDirectoryLock(directory, () => {
      const record = readRecord(directory);
      if (record === undefined) return undefined;
      const changed = change(record);
      writeRecord(directory, changed);
      written(changed);
      return changed;
    });
  } catch (thrown) {
    // The container was deleted meanwhile.
    if (isErrno(thrown, ERRNO.ENOENT) && !exists(directory)) return undefined;
    throw thrown;
  }
}

/**
 * The record of the container in `directory`; undefined when there is none, or none that can be read: see
 * {@link hasUnreadableRecord}.
 */
export function readRecord(directory: string): ContainerRecord | undefined {
  try {
    const value: unknown = JSON.parse(readText(recordPath(directory)));
    return isRecord(value) && belongsTo(directory, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the container in `directory` has a record that says nothing to us: torn by a power cut, or of a newer tsbox.
 * A killed process leaves none such.
 */
export function hasUnreadableRecord(directory: string): boolean {
  // Between the two looks its maker may have written it.
  return exists(recordPath(directory)) && readRecord(directory) === undefined &&
    exists(recordPath(directory));
}

const OBJECTS = ["image", "options", "spec", "labels", "state"];

/** All become parts of paths: a record from elsewhere must not lead commands to files that are not the container's. */
function belongsTo(directory: string, record: ContainerRecord): boolean {
  const { id, name, otherName = "" } = record;
  return directory.endsWith(`/${id}`) && id !== "" && isName(name) && isName(otherName);
}

const isName = (name: string) => !name.includes("/") && !name.startsWith(".");

/** Enough to tell our own file from a torn or foreign one; it is not an input of others. */
function isRecord(value: unknown): value is ContainerRecord {
  if (!isObject(value)) return false;
  const strings = [value["id"], value["name"], value["created"]];
  if (!strings.every((text) => typeof text === "string")) return false;
  if (!OBJECTS.every((name) => isObject(value[name]))) return false;
  const state = value["state"];
  return isObject(state) && isState(state);
}

function isState(state: Record<string, unknown>): boolean {
  switch (state["status"]) {
    case "created":
      return true;
    case "running":
      return typeof state["pid"] === "number" && typeof state["pidStart"] === "number";
    case "exited":
    case "restarting":
      return typeof state["exitCode"] === "number" && typeof state["finishedAt"] === "string";
    default:
      return false;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
