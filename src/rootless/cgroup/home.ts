/**
 * Where a container's control group can be made: below a scope of the user's systemd, else in a part of the
 * hierarchy that was given to us by other means.
 *
 * The kernel lets a group with processes have no controllers for groups below it ("no internal processes",
 * Documentation/admin-guide/cgroup-v2.rst): where there are any, our own process is in a group beside the
 * container's.
 */
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { SIGKILL } from "../../ffi/constants.ts";
import { listDirectory } from "../../ffi/listing.ts";
import { sendSignal } from "../../ffi/process.ts";
import { KEEPER_NAME } from "../user_namespace.ts";
import { randomBytes } from "../../ffi/random.ts";
import { exists, makeDirectory, readLink, readTextIfAny } from "../../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../../errors.ts";
import type { Controller } from "../../container/cgroup_values.ts";
import { DELEGATE_FIX } from "../host/fixes.ts";
import { discardUnused } from "./container_cgroup.ts";
import {
  cgroupOf,
  hierarchyMount,
  isOurs,
  ownAncestors,
  wordsOf,
  writeControl,
} from "./hierarchy.ts";
import { sessionBusPath } from "./session_bus_path.ts";

/** A directory in which containers' groups can be made. */
export interface CgroupHome {
  /** Absolute. */
  path: string;
  /** What the container's is called there. */
  name: string;
  /** A scope that we asked systemd for. */
  unit?: string;
}

/** What a home is looked for with. */
export interface HomeRequest {
  /** The container's. */
  id: string;
  env: Readonly<Record<string, string | undefined>>;
  uid: number;
  /** `--cgroup-parent`. */
  parent?: string | undefined;
  /** Controllers that the container cannot do without. */
  needed: readonly Controller[];
}

const CONTROLLERS: readonly Controller[] = ["cpu", "cpuset", "io", "memory", "pids"];
/** The group of our own process, beside containers'. */
export const ENGINE = "tsbox-engine";
const PREFIX = "tsbox-";

/** Is there where systemd is process 1. */
const SYSTEMD = "/run/systemd/system";
/** systemd.slice(5): a dash goes one slice down, so none is at an end or beside another. */
const SLICE = /^(?:-|[a-zA-Z0-9:_.\\]+(?:-[a-zA-Z0-9:_.\\]+)*)\.slice$/;

const SESSION_FIX =
  "log in by ssh or a console so that systemd starts a user session (for one that " +
  "lasts: loginctl enable-linger), or have a cgroup delegated to this user";

/**
 * Makes or finds the home, and puts our own process where it does not stand in the way.
 * @throws TsboxError "host" with the remedy when there is none, or a controller is missing
 */
export async function openCgroupHome(request: HomeRequest): Promise<CgroupHome> {
  if (hierarchyMount() === undefined) {
    throw new TsboxError("host", "Cannot make a control group: cgroup v2 is not mounted", {
      hint: "boot with the kernel parameter systemd.unified_cgroup_hierarchy=1",
    });
  }
  const { parent } = request;
  const bus = sessionBusPath(request.env);
  // A bus may be there without systemd on it.
  const isPath = parent !== undefined && !parent.endsWith(".slice");
  if (bus === undefined || (isPath && !exists(SYSTEMD))) return ownHome(request);
  try {
    return await scopeHome(request, bus);
  } catch (error) {
    if (!(error instanceof TsboxError) || error.code !== "unavailable") throw error;
    if (parent?.endsWith(".slice")) throw error;
    return ownHome(request, messageOf(error));
  }
}

async function scopeHome(request: HomeRequest, bus: string): Promise<CgroupHome> {
  const { id, uid, parent, needed } = request;
  if (parent !== undefined && !SLICE.test(parent)) {
    throw new TsboxError(
      "invalid-argument",
      'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
    );
  }
  // The last life's scope may be about to go: a name of its own.
  const unit = `${PREFIX}${id.slice(0, 12)}-${randomBytes(4).toHex()}.scope`;
  const description = `tsbox container ${id.slice(0, 12)}`;
  const { startScope } = await import("./systemd_scope.ts");
  await startScope({ bus, uid, name: unit, description, slice: parent, pid: process.pid });
  const path = cgroupOf("self");
  if (path === undefined || !path.endsWith(`/${unit}`)) {
    throw new TsboxError("unavailable", `systemd did not put tsbox into ${unit}`);
  }
  enter(`${path}/${ENGINE}`);
  enable(path, CONTROLLERS);
  refuseMissing(path, needed, unit);
  return { path, name: "container", unit };
}

/**
 * Ends what would keep the scope alive behind us: the keeper of a user namespace, which is only a cache, when
 * the one from before us had ended. Does nothing for a home that is no scope.
 */
export function leaveHome({ path, unit }: CgroupHome): void {
  if (unit === undefined) return;
  for (const pid of wordsOf(`${path}/${ENGINE}/cgroup.procs`).map(Number)) {
    const name = readTextIfAny(`/proc/${pid}/comm`)?.trim();
    if (name === KEEPER_NAME) sendSignal(pid, SIGKILL);
  }
}

/** What is not there is a matter of who delegates, not of us. */
function refuseMissing(path: string, needed: readonly Controller[], where: string): void {
  const there = wordsOf(`${path}/cgroup.subtree_control`);
  const missing = needed.filter((name) => !there.includes(name));
  if (missing.length === 0) return;
  const names = missing.join(", ");
  throw new TsboxError("host", `Cannot limit the container: no ${names} controller in ${where}`, {
    hint: exists(SYSTEMD)
      ? DELEGATE_FIX
      : "write '+memory' or the like to cgroup.subtree_control of the groups above it",
  });
}

/** One by one: a controller that is not there must not keep the others away. Returns the last error. */
function enable(path: string, names: readonly Controller[]): number {
  const there = wordsOf(`${path}/cgroup.controllers`);
  if (there.length === 0) return 0;
  const on = wordsOf(`${path}/cgroup.subtree_control`);
  let failure = 0;
  for (const name of names) {
    if (!there.includes(name) || on.includes(name)) continue;
    failure = writeControl(`${path}/cgroup.subtree_control`, `+${name}`) || failure;
  }
  return failure;
}

/** Moves a process into a group, which is made when missing. */
function enter(path: string, pid: number = process.pid): void {
  if (!exists(path)) makeDirectory(path, 0o755);
  const result = writeControl(`${path}/cgroup.procs`, String(pid));
  if (result === 0 || result === -ERRNO.ESRCH) return;
  throw new TsboxError("host", `Cannot enter the control group "${path}": ${errnoName(-result)}`);
}

function ownHome({ id, needed, parent }: HomeRequest, refused?: string): CgroupHome {
  const base = parent?.startsWith("/") ? hierarchyMount() ?? "" : freeHome(needed, refused);
  const path = parent === undefined ? base : parentHome(base, parent, needed);
  return { path, name: PREFIX + id };
}

/** @param refused why systemd did not help */
function freeHome(needed: readonly Controller[], refused?: string): string {
  const own = cgroupOf("self");
  const ours = own === undefined ? [] : ownAncestors(own);
  if (ours.length > 0) {
    return needed.length === 0 ? plainHome(ours) : controlledHome(ours, needed);
  }
  const because = refused === undefined ? "" : ` (${refused})`;
  const message = `Cannot make a control group: none is delegated to this user${because}`;
  throw new TsboxError("host", message, { hint: SESSION_FIX });
}

/** Takes away what killed monitors left in a home. systemd does that with a scope. */
export function tidyHome({ path, unit }: CgroupHome): void {
  if (unit !== undefined) return;
  const left: string[] = [];
  try {
    for (const { name } of listDirectory(path)) if (isContainers(name)) left.push(name);
  } catch {
    return; // Of those who come after us one can.
  }
  discardUnused(path, left);
}

// The expression last: most starts have nothing to compile it for.
const isContainers = (name: string): boolean =>
  name.startsWith(PREFIX) && name.length === PREFIX.length + 64 && /^tsbox-[0-9a-f]*$/.test(name);

/** Any will do; with controllers if that costs nothing. */
function plainHome(ours: readonly string[]): string {
  const [own = "", above = own] = ours;
  const path = own.endsWith(`/${ENGINE}`) ? above : own;
  enable(path, CONTROLLERS);
  return path;
}

/** One where the controllers are given on already; else our own, when nobody but us is in it. */
function controlledHome(ours: readonly string[], needed: readonly Controller[]): string {
  const has = (path: string) => {
    const on = wordsOf(`${path}/cgroup.subtree_control`);
    return needed.every((name) => on.includes(name));
  };
  const [own = ""] = ours;
  const found = ours.find(has) ?? ours.find((path) => enable(path, CONTROLLERS) === 0 && has(path));
  if (found !== undefined) return found;
  if (needed.every((name) => wordsOf(`${own}/cgroup.controllers`).includes(name))) {
    makeRoom(own);
    enable(own, CONTROLLERS);
    if (!has(own)) throw crowded(own);
  }
  refuseMissing(own, needed, `"${own}"`);
  return own;
}

/** Moves ourselves and the command that started us out of the way; other programs are not ours to move. */
function makeRoom(own: string): void {
  const self = readLink("/proc/self/exe");
  for (const pid of wordsOf(`${own}/cgroup.procs`).map(Number)) {
    if (readLink(`/proc/${pid}/exe`) === self) enter(`${own}/${ENGINE}`, pid);
  }
}

function crowded(own: string): TsboxError {
  const [pid = ""] = wordsOf(`${own}/cgroup.procs`);
  const who = (readTextIfAny(`/proc/${pid}/comm`) ?? "").trim();
  const message = `Cannot limit the container: process ${pid} (${who}) is in the control group ` +
    `"${own}", and the kernel allows limits only below groups without processes`;
  return new TsboxError("host", message, {
    hint:
      "move it into a group below, or use 'systemd-run --user --scope -p Delegate=yes tsbox ...'",
  });
}

/** `--cgroup-parent` without systemd: a path from a directory, made when missing. */
function parentHome(base: string, parent: string, needed: readonly Controller[]): string {
  if (parent.split("/").includes("..")) {
    throw new TsboxError(
      "invalid-argument",
      `invalid cgroup-parent "${parent}": it has ".." in it`,
    );
  }
  let path = base;
  for (const word of parent.split("/").filter(Boolean)) {
    // Also of one that is there: somebody may have made it without.
    enable(path, CONTROLLERS);
    path = `${path}/${word}`;
    if (!exists(path)) makeParent(path);
  }
  if (!isOurs(path)) throw notOurs(path, "it is not delegated to this user");
  enable(path, CONTROLLERS);
  refuseMissing(path, needed, `"${path}"`);
  return path;
}

function makeParent(path: string): void {
  try {
    makeDirectory(path, 0o755);
  } catch (error) {
    throw notOurs(path, messageOf(error));
  }
}

function notOurs(path: string, why: string): TsboxError {
  return new TsboxError("host", `Cannot use --cgroup-parent "${path}": ${why}`, {
    hint: "name one below a control group that is delegated to this user",
  });
}
