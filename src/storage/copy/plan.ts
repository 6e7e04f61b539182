/** What a copy is called where it goes: docker's rules for `cp`. Pure. */
import type { ByteString } from "../../ffi/files.ts";
import { TsboxError } from "../../errors.ts";

/** What is copied, as an archive whose members' names begin with `name`. */
export interface CopySource {
  /** `.` for the content of a directory. */
  name: ByteString;
  isDirectory: boolean;
}

/** Where it goes. */
export interface CopyTarget {
  /** The target's own name in its directory. */
  name: ByteString;
  exists: boolean;
  isDirectory: boolean;
  /** The user wrote that it is a directory, by a slash or `/.` at its end. */
  asDirectory: boolean;
}

/** How the archive is to be unpacked. */
export type CopyPlan =
  /** In the target itself, under the names it has. */
  | { into: "target" }
  /** Beside the target, under its name. */
  | { into: "parent"; rename: { from: ByteString; to: ByteString } };

/**
 * Docker's table: an existing directory gets the source in it (of `SRC/.` the content), anything else the source's
 * place and the target's name.
 * @throws TsboxError "invalid-argument" in docker's words
 */
export function planCopy(source: CopySource, target: CopyTarget): CopyPlan {
  if (target.exists && target.isDirectory) return { into: "target" };
  if (target.exists && source.isDirectory) throw refused("cannot copy directory");
  if (!target.exists && !source.isDirectory && target.asDirectory) {
    throw refused("no such directory");
  }
  return { into: "parent", rename: { from: source.name, to: target.name } };
}

function refused(why: string): TsboxError {
  return new TsboxError("invalid-argument", why);
}

/** A member's name with its beginning exchanged. */
export function renamed(
  name: ByteString,
  rename: { from: ByteString; to: ByteString } | undefined,
): ByteString {
  if (rename === undefined) return name;
  const { from, to } = rename;
  if (name === from) return to;
  return name.startsWith(`${from}/`) ? `${to}${name.slice(from.length)}` : name;
}
