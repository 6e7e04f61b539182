/** Which ids of the container stand for which ids of the host, and writing that into the kernel. */
import { type HostCommand, pipe, startHostCommand, waitBlocking } from "../ffi/process.ts";
import { address, raw, sys } from "../ffi/libc.ts";
import { AT_FDCWD, O } from "../ffi/constants.ts";
import { HELPER_FOLDERS } from "./id_helpers.ts";
import type { SpecIdMapping } from "../oci/runtime_spec.ts";
import { TsboxError } from "../errors.ts";
import { cstring } from "../ffi/libc.ts";

/** The two maps of a user namespace. */
export interface IdMap {
  /** `full`: subordinate ids by newuidmap; `single`: only the user's own id, as root. */
  kind: "full" | "single";
  uids: SpecIdMapping[];
  gids: SpecIdMapping[];
  /** What it was made from, as id_source.ts tells: an equal text means an equal map. Absent when that cannot be told. */
  source?: string;
}

/** A range of /etc/subuid or /etc/subgid. */
export interface IdRange {
  start: number;
  count: number;
}

/** The caller's id as 0, then all subordinate ids from 1 on, range after range. */
export function fullMap(own: number, ranges: readonly IdRange[]): SpecIdMapping[] {
  const map = [{ containerID: 0, hostID: own, size: 1 }];
  let next = 1;
  for (const { start, count } of ranges) {
    map.push({ containerID: next, hostID: start, size: count });
    next += count;
  }
  return map;
}

/** The map that needs no helper: the caller's own ids as root's. */
export function singleMap(uid: number, gid: number): IdMap {
  return {
    kind: "single",
    uids: [{ containerID: 0, hostID: uid, size: 1 }],
    gids: [{ containerID: 0, hostID: gid, size: 1 }],
  };
}

/** The host's id for one of the container's; undefined when it has none. */
export function toHost(map: readonly SpecIdMapping[], id: number): number | undefined {
  const hit = map.find((m) => id >= m.containerID && id < m.containerID + m.size);
  return hit === undefined ? undefined : hit.hostID + (id - hit.containerID);
}

function mapCommand(
  helper: string,
  pid: number,
  map: readonly SpecIdMapping[],
  stderr: number,
): HostCommand {
  const triples = map.flatMap((m) => [m.containerID, m.hostID, m.size]).map(String);
  return {
    paths: HELPER_FOLDERS.map((folder) => `${folder}/${helper}`),
    args: [helper, String(pid), ...triples],
    env: [],
    stdio: [undefined, stderr, stderr],
  };
}

function readAll(fd: number): string {
  const buffer = new Uint8Array(4096);
  const length = raw("read", fd, address(buffer), buffer.length);
  return new TextDecoder().decode(buffer.subarray(0, Math.max(0, length))).trim();
}

/** Runs newuidmap and newgidmap side by side; each is a setuid program and takes most of a millisecond. */
function writeByHelpers(pid: number, map: IdMap): void {
  const messages = pipe();
  try {
    const helpers = ([["newuidmap", map.uids], ["newgidmap", map.gids]] as const).map((
      [name, ids],
    ) => ({
      name,
      pid: startHostCommand(mapCommand(name, pid, ids, messages.write)),
    }));
    const endings = helpers.map((helper) => ({ ...helper, ending: waitBlocking(helper.pid) }));
    sys("close a pipe", "close", messages.write);
    const failed = endings.find(({ ending }) => ending.kind !== "exited" || ending.code !== 0);
    if (failed !== undefined) throw helperError(failed.name, readAll(messages.read));
  } finally {
    raw("close", messages.read);
  }
}

function helperError(helper: string, message: string): TsboxError {
  const file = helper === "newuidmap" ? "/etc/subuid" : "/etc/subgid";
  return new TsboxError("host", `Cannot map subordinate ids: ${message || `${helper} failed`}`, {
    hint:
      `check ${file} and that ${helper} is setuid root ('tsbox doctor' tells more), or pass --userns=single`,
  });
}

function writeProcFile(pid: number, name: string, text: string): void {
  const path = `/proc/${pid}/${name}`;
  const fd = sys(`open ${path}`, "openat", AT_FDCWD, cstring(path), O.WRONLY | O.CLOEXEC, 0);
  try {
    const bytes = new TextEncoder().encode(text);
    sys(`write ${path}`, "write", fd, address(bytes), bytes.length);
  } finally {
    raw("close", fd);
  }
}

function mapLines(map: readonly SpecIdMapping[]): string {
  return map.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join("");
}

/** Width of a column of /proc/PID/uid_map, with the space behind it. */
const COLUMN = 11;

/** A map as the kernel shows it in /proc/PID/uid_map. */
export function parseIdMap(shown: string): SpecIdMapping[] {
  const map: SpecIdMapping[] = [];
  for (const line of shown.split("\n")) {
    if (line === "") continue;
    map.push({
      containerID: Number(line.slice(0, COLUMN)),
      hostID: Number(line.slice(COLUMN, 2 * COLUMN)),
      size: Number(line.slice(2 * COLUMN)),
    });
  }
  return map;
}

/** Whether the kernel shows this map. */
export function isShown(map: readonly SpecIdMapping[], shown: string): boolean {
  return mapLines(parseIdMap(shown)) === mapLines(map);
}

/**
 * Writes the id maps of the user namespace of `pid`, a child of ours that waits for them.
 * @throws TsboxError "host" with the remedy when the helpers refuse
 */
export function writeIdMap(pid: number, map: IdMap): void {
  if (map.kind === "full") return writeByHelpers(pid, map);
  // Without a privileged helper the kernel wants setgroups(2) switched off first (user_namespaces(7)).
  writeProcFile(pid, "setgroups", "deny");
  writeProcFile(pid, "uid_map", mapLines(map.uids));
  writeProcFile(pid, "gid_map", mapLines(map.gids));
}
