/**
 * What tsbox's launcher must know beyond the OCI runtime spec, kept in the spec's annotations.
 *
 * No label of an image ever becomes an annotation: an image could speak to the launcher by it.
 */
import { TsboxError } from "../errors.ts";
import type { RuntimeSpec } from "../oci/runtime_spec.ts";

const KEY = {
  init: "dev.tsbox.init",
  user: "dev.tsbox.user",
  groups: "dev.tsbox.groups",
  subpaths: "dev.tsbox.volume-subpaths",
  stopSignal: "dev.tsbox.stop-signal",
  seccomp: "dev.tsbox.seccomp",
} as const;

/** The annotations as values. */
export interface LaunchNotes {
  /** A reaping init is process 1. */
  init: boolean;
  /** What `-u` or the image says, still to be looked up in the image's passwd: see with_user.ts. */
  user: string;
  /** `--group-add`, to be looked up with it. */
  groups: string[];
  /** By destination of a mount: what is mounted of its source, a path that must not lead out of it. */
  subpaths: Record<string, string>;
  /** Signal name or number; empty is SIGTERM. */
  stopSignal: string;
  /** `default` is the built-in profile, `profile` the one in `linux.seccomp`. */
  seccomp: "default" | "profile" | "unconfined";
}

/** The annotations to write. */
export function toAnnotations(notes: LaunchNotes): Record<string, string> {
  const subpaths = JSON.stringify(notes.subpaths);
  return {
    [KEY.init]: String(notes.init),
    [KEY.user]: notes.user,
    [KEY.groups]: JSON.stringify(notes.groups),
    [KEY.stopSignal]: notes.stopSignal,
    [KEY.seccomp]: notes.seccomp,
    ...(subpaths === "{}" ? {} : { [KEY.subpaths]: subpaths }),
  };
}

/**
 * The annotations of a spec; a spec without them (one not made here) has no extras.
 * @throws TsboxError("corrupt") when one is not what tsbox writes
 */
export function launchNotes(
  spec: Pick<RuntimeSpec, "annotations" | "linux">,
): LaunchNotes {
  const { annotations = {}, linux } = spec;
  const seccomp = annotations[KEY.seccomp] ?? (linux.seccomp ? "profile" : "unconfined");
  if (seccomp !== "default" && seccomp !== "profile" && seccomp !== "unconfined") {
    throw corrupt(KEY.seccomp);
  }
  return {
    init: annotations[KEY.init] === "true",
    user: annotations[KEY.user] ?? "",
    groups: words(annotations, KEY.groups),
    subpaths: pairs(annotations, KEY.subpaths),
    stopSignal: annotations[KEY.stopSignal] ?? "",
    seccomp,
  };
}

function words(annotations: Readonly<Record<string, string>>, key: string): string[] {
  const text = annotations[key];
  if (text === undefined || text === "[]") return [];
  const value: unknown = parsed(text);
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw corrupt(key);
  return value;
}

function pairs(
  annotations: Readonly<Record<string, string>>,
  key: string,
): Record<string, string> {
  const text = annotations[key];
  if (text === undefined) return {};
  const value: unknown = parsed(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw corrupt(key);
  const found: Record<string, string> = {};
  for (const [name, item] of Object.entries(value)) {
    if (typeof item !== "string") throw corrupt(key);
    found[name] = item;
  }
  return found;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function corrupt(key: string): TsboxError {
  return new TsboxError("corrupt", `Cannot read annotation ${key} of the container's config.json`);
}
