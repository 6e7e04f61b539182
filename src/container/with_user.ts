/** The step from a spec to a process's identity: it needs the image's passwd, so it comes at launch. */
import { TsboxError } from "../errors.ts";
import type { RuntimeSpec, SpecIdMapping } from "../oci/runtime_spec.ts";
import { launchNotes } from "./annotations.ts";
import { capabilitySets } from "./capabilities.ts";
import { resolveUser, type UserFiles } from "./user.ts";

/**
 * The spec with its user looked up: ids, groups, capabilities (only root holds them) and HOME.
 *
 * Groups that only the image's group file names and that the user namespace lacks are left out; what
 * was asked for must exist. In a namespace with one id there are no supplementary groups at all.
 * @throws TsboxError("invalid-argument") for an unknown user, TsboxError("host") for an unmapped id
 */
export function withUser(spec: RuntimeSpec, files: UserFiles): RuntimeSpec {
  const { user: name, groups } = launchNotes(spec);
  const user = resolveUser(name, groups, files);
  const { uidMappings, gidMappings } = spec.linux;
  requireMapped("user", user.uid, uidMappings);
  for (const gid of user.requestedGids) requireMapped("group", gid, gidMappings);
  const launched = spec.process;
  return {
    ...spec,
    process: {
      ...launched,
      env: withHome(launched.env, user.home),
      user: {
        ...launched.user,
        uid: user.uid,
        gid: user.gid,
        additionalGids: canSetGroups(gidMappings) ? mapped(user.additionalGids, gidMappings) : [],
      },
      capabilities: capabilitySets(launched.capabilities.bounding, user.uid),
    },
  };
}

/** A map of one id is the one that an ordinary user may write, after giving up setgroups(2). */
function canSetGroups(gids: readonly SpecIdMapping[]): boolean {
  return gids.length !== 1 || gids[0]?.size !== 1;
}

function isMapped(id: number, map: readonly SpecIdMapping[]): boolean {
  for (const m of map) if (id >= m.containerID && id < m.containerID + m.size) return true;
  return false;
}

function mapped(ids: readonly number[], map: readonly SpecIdMapping[]): number[] {
  const found: number[] = [];
  for (const id of ids) if (isMapped(id, map)) found.push(id);
  return found;
}

function requireMapped(what: "user" | "group", id: number, map: readonly SpecIdMapping[]): void {
  if (isMapped(id, map)) return;
  const last = map.reduce((max, m) => Math.max(max, m.containerID + m.size - 1), 0);
  const range = last === 0 ? "only 0" : `0 to ${last}`;
  throw new TsboxError(
    "host",
    `Cannot run with ${what} id ${id}: this container's user namespace has ${range}`,
    {
      hint: last === 0
        ? "use -u 0, or give your account subordinate ids ('tsbox doctor' tells how)"
        : `give your account more subordinate ids in /etc/sub${what === "user" ? "u" : "g"}id`,
    },
  );
}

/** An empty HOME counts as missing. */
function withHome(env: readonly string[], home: string): string[] {
  const rest: string[] = [];
  for (const pair of env) {
    if (pair.startsWith("HOME=") && pair !== "HOME=") return [...env];
    if (pair !== "HOME=") rest.push(pair);
  }
  rest.push(`HOME=${home}`);
  return rest;
}
