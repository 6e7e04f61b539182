/** The control group of one container: made, limited, frozen, read, removed. */
import { O } from "../../ffi/constants.ts";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { flock } from "../../ffi/flock.ts";
import {
  closeFile,
  exists,
  fileStatus,
  isErrno,
  makeDirectory,
  openFile,
  openFileStatus,
  readTextIfAny,
  removeDirectory,
} from "../../ffi/quick_files.ts";
import { TsboxError } from "../../errors.ts";
import { type CgroupValue, cgroupValues } from "../../container/cgroup_values.ts";
import type { ResourceLimits } from "../../container/resources.ts";
import { writeControl } from "./hierarchy.ts";

/** Milliseconds that the kernel may take to be rid of the last process. */
const EMPTYING = 2000;
const POLL = 5;
const S_IFMT = 0o170000;
const S_IFBLK = 0o060000;

/** A group that a container is started in. */
export interface ContainerCgroup {
  /** Absolute. */
  path: string;
  /** Its directory, locked for as long as we live: nobody takes it for one that was left behind. */
  fd: number;
}

/** Makes an empty group in a home. @throws SyscallError */
export function makeCgroup(home: string, name: string): ContainerCgroup {
  const path = `${home}/${name}`;
  for (;;) {
    try {
      makeDirectory(path, 0o755);
    } catch (error) {
      if (!isErrno(error, ERRNO.EEXIST)) throw error;
      // Of a monitor that was killed. A new one has no processes, and has counted nothing.
      removeDirectory(path);
      continue;
    }
    const fd = lockedDirectory(path);
    if (fd !== undefined) return { path, fd };
  }
}

/** Undefined when somebody took it for one that was left behind, before it was locked. */
function lockedDirectory(path: string): number | undefined {
  let fd: number;
  try {
    fd = openFile(path, O.RDONLY | O.DIRECTORY);
  } catch (error) {
    if (isErrno(error, ERRNO.ENOENT)) return undefined;
    throw error;
  }
  flock(fd, "shared", true);
  if (fileStatus(path)?.inode === openFileStatus(fd)?.inode) return fd;
  closeFile(fd);
  return undefined;
}

/** Removes those of a home that nobody has: whoever made them was killed. */
export function discardUnused(home: string, names: readonly string[]): void {
  for (const name of names) {
    const path = `${home}/${name}`;
    try {
      const fd = openFile(path, O.RDONLY | O.DIRECTORY);
      if (flock(fd, "exclusive", false)) removeDirectory(path);
      closeFile(fd);
    } catch {
      // In use after all, or gone.
    }
  }
}

/**
 * Ends what is still in a group, and removes it. What a killed process leaves takes the kernel a moment.
 * @returns false when it could not be removed in time
 */
export async function removeCgroup({ path, fd }: ContainerCgroup): Promise<boolean> {
  closeFile(fd);
  for (const deadline = performance.now() + EMPTYING;; await Bun.sleep(POLL)) {
    try {
      removeDirectory(path);
      return true;
    } catch (error) {
      if (isErrno(error, ERRNO.ENOENT)) return true;
      if (!isErrno(error, ERRNO.EBUSY) || performance.now() > deadline) return false;
      writeControl(`${path}/cgroup.kill`, "1");
    }
  }
}

/**
 * Writes limits; when one is refused those that were written get their old values back.
 * @throws TsboxError "host" for a controller or file that is missing, "invalid-argument" for a value refused
 */
export function applyLimits(path: string, limits: ResourceLimits): void {
  const undo: (() => void)[] = [];
  try {
    for (const value of cgroupValues(limits, deviceNumber)) {
      const file = chosenFile(path, value);
      if (file === undefined) continue;
      const before = readTextIfAny(file.path)?.trim();
      writeValue(file.path, file.value, value);
      if (before) undo.push(() => void writeControl(file.path, before));
    }
  } catch (error) {
    for (const restore of undo.reverse()) restore();
    throw error;
  }
}

function chosenFile(
  path: string,
  { controller, file, value, optional, instead }: CgroupValue,
): { path: string; value: string } | undefined {
  if (exists(`${path}/${file}`)) return { path: `${path}/${file}`, value };
  if (instead !== undefined && exists(`${path}/${instead.file}`)) {
    return { path: `${path}/${instead.file}`, value: instead.value };
  }
  if (optional) return undefined;
  const has = exists(`${path}/${controller}.stat`) || exists(`${path}/${controller}.max`);
  const what = has
    ? `this kernel has no ${file}`
    : `its control group has no ${controller} controller`;
  throw new TsboxError("host", `Cannot limit the container: ${what}`, {
    hint: "run 'tsbox doctor' to see which controllers are delegated, and how to get them",
  });
}

function writeValue(path: string, text: string, { file }: CgroupValue): void {
  const result = writeControl(path, text);
  if (result === 0) return;
  const message = `Cannot set ${file} to "${text}": ${errnoName(-result)}`;
  const hint = HINTS[file];
  throw new TsboxError("invalid-argument", message, hint === undefined ? {} : { hint });
}

const HINTS: Readonly<Record<string, string>> = {
  "cpuset.cpus": "the processors must exist and be given to this user's control group",
  "cpuset.mems": "the memory nodes must exist and be given to this user's control group",
  "memory.max": "the container uses more, and it cannot be reclaimed",
  "io.max": "the device must be a whole disk that the kernel can limit",
};

/** @throws TsboxError "invalid-argument" when it is no block device */
function deviceNumber(path: string): string {
  const status = fileStatus(path);
  if (status !== undefined && (status.mode & S_IFMT) === S_IFBLK) {
    return `${status.node.major}:${status.node.minor}`;
  }
  throw new TsboxError("invalid-argument", `Cannot limit device "${path}": no such block device`);
}

/** Has all processes of a group stopped where they are, which takes them a moment. @throws TsboxError "host" */
export function freeze(path: string): void {
  const result = writeControl(`${path}/cgroup.freeze`, "1");
  if (result !== 0) throw cannotFreeze(path, errnoName(-result));
}

/** Returns when all processes of a group that is being frozen have stopped. @throws TsboxError "host" when they do not */
export async function waitFrozen(path: string): Promise<void> {
  for (const deadline = performance.now() + FREEZING; !isFrozen(path); await Bun.sleep(POLL)) {
    if (performance.now() > deadline) {
      throw cannotFreeze(path, "a process of it did not stop in time");
    }
  }
}

/** Milliseconds: a process in an uninterruptible wait takes as long as that. */
const FREEZING = 10_000;

function isFrozen(path: string): boolean {
  return /^frozen 1$/m.test(readTextIfAny(`${path}/cgroup.events`) ?? "");
}

function cannotFreeze(path: string, why: string): TsboxError {
  return new TsboxError("host", `Cannot freeze the control group "${path}": ${why}`);
}

/** Lets them go on; does nothing for a group that is gone. */
export function thaw(path: string): void {
  writeControl(`${path}/cgroup.freeze`, "0");
}

/** How many processes the kernel has killed since the group was made, because its memory was used up. */
export function oomKills(path: string): number {
  const text = readTextIfAny(`${path}/memory.events`) ?? "";
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}
