/** Reads a profile the user gave by `--security-opt seccomp=FILE`. */
import { messageOf, TsboxError } from "../../errors.ts";
import type { SpecSeccomp } from "../../oci/runtime_spec.ts";
import {
  type ProfileContext,
  type ProfileFilter,
  type ProfileSyscall,
  type SeccompProfile,
  selectProfile,
} from "./profile.ts";

/**
 * The OCI profile of a docker profile's JSON, for a container; undefined for an empty one, which
 * docker takes for no filter at all.
 * @throws TsboxError("invalid-argument") for what is no profile
 */
export function loadProfile(json: string, context: ProfileContext): SpecSeccomp | undefined {
  const profile = readProfile(parsed(json));
  return profile === undefined ? undefined : selectProfile(profile, context);
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw wrong(messageOf(cause));
  }
}

function wrong(reason: string): TsboxError {
  return new TsboxError("invalid-argument", `decoding seccomp profile failed: ${reason}`);
}

function readProfile(value: unknown): SeccompProfile | undefined {
  const fields = object(value, "the profile");
  const { defaultErrnoRet, flags } = fields;
  const architectures = strings(fields["architectures"], "architectures");
  const archMap = list(fields["archMap"], "archMap").map(readArchMap);
  const syscalls = list(fields["syscalls"], "syscalls").map(readSyscall);
  const defaultAction = text(fields["defaultAction"] ?? "", "defaultAction");
  if (defaultAction === "" && syscalls.length === 0) return undefined;
  if (architectures.length > 0 && archMap.length > 0) {
    throw wrong("use either 'architectures' or 'archMap'");
  }
  return {
    defaultAction,
    ...(isAbsent(defaultErrnoRet)
      ? {}
      : { defaultErrnoRet: integer(defaultErrnoRet, "defaultErrnoRet") }),
    architectures,
    archMap,
    ...(isAbsent(flags) ? {} : { flags: strings(flags, "flags") }),
    syscalls,
  };
}

function readArchMap(value: unknown): { architecture: string; subArchitectures: string[] } {
  const fields = object(value, "archMap");
  return {
    architecture: text(fields["architecture"], "architecture"),
    subArchitectures: strings(fields["subArchitectures"], "subArchitectures"),
  };
}

function readSyscall(value: unknown): ProfileSyscall {
  const fields = object(value, "syscalls");
  const { name, errnoRet, includes, excludes } = fields;
  const names = strings(fields["names"], "names");
  const hasName = !isAbsent(name) && name !== "";
  if (hasName && names.length > 0) throw wrong("use either 'name' or 'names'");
  return {
    names: hasName ? [text(name, "name")] : names,
    action: text(fields["action"], "action"),
    ...(isAbsent(errnoRet) ? {} : { errnoRet: integer(errnoRet, "errnoRet") }),
    args: list(fields["args"], "args").map(readArgument),
    ...(isAbsent(includes) ? {} : { includes: readFilter(includes, "includes") }),
    ...(isAbsent(excludes) ? {} : { excludes: readFilter(excludes, "excludes") }),
  };
}

function readArgument(value: unknown): NonNullable<ProfileSyscall["args"]>[number] {
  const fields = object(value, "args");
  return {
    index: integer(fields["index"], "index"),
    value: integer(fields["value"], "value"),
    valueTwo: integer(fields["valueTwo"] ?? 0, "valueTwo"),
    op: text(fields["op"], "op"),
  };
}

function readFilter(value: unknown, what: string): ProfileFilter {
  const fields = object(value, what);
  return {
    caps: strings(fields["caps"], "caps"),
    arches: strings(fields["arches"], "arches"),
    minKernel: text(fields["minKernel"] ?? "", "minKernel"),
  };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function object(value: unknown, what: string): Fields {
  if (isFields(value)) return value;
  throw wrong(`${what}: expected an object`);
}

function list(value: unknown, what: string): unknown[] {
  if (isAbsent(value)) return [];
  if (Array.isArray(value)) return value;
  throw wrong(`${what}: expected a list`);
}

function strings(value: unknown, what: string): string[] {
  return list(value, what).map((item) => text(item, what));
}

function text(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw wrong(`${what}: expected a string`);
}

function integer(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw wrong(`${what}: expected a whole number`);
}
