/** Seccomp profiles in docker's JSON format: an OCI profile with conditions on where it is used. */
import { TsboxError } from "../../errors.ts";
import type { Arch } from "../../ffi/numbers.ts";
import type { SpecSeccomp, SpecSyscall } from "../../oci/runtime_spec.ts";

/** When an entry counts. Every part that is there must be met. */
export interface ProfileFilter {
  /** All of these, for includes; any of these, for excludes. As `CAP_SYS_ADMIN`. */
  caps?: string[];
  /** GOARCH-like names: `amd64`, `arm64`, ... */
  arches?: string[];
  /** At least this kernel: `4.8`. */
  minKernel?: string;
}

/** An entry of `syscalls`. */
export interface ProfileSyscall extends SpecSyscall {
  includes?: ProfileFilter;
  excludes?: ProfileFilter;
}

/** A whole profile. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures: string[] }[];
  flags?: string[];
  syscalls: ProfileSyscall[];
}

/** Where a profile is used. */
export interface ProfileContext {
  /** The container's bounding set, as `CAP_CHOWN`. */
  caps: readonly string[];
  arch: Arch;
  /** uname's release: `6.1.0-18-amd64`. */
  kernel: string;
}

const DOCKER_ARCH = { x64: "amd64", arm64: "arm64" } as const;
const SECCOMP_ARCH = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" } as const;

/**
 * The OCI profile that a docker profile means here.
 * @throws TsboxError("invalid-argument") for a kernel version that is none
 */
export function selectProfile(profile: SeccompProfile, context: ProfileContext): SpecSeccomp {
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: architectures(profile, context.arch),
    ...(profile.flags === undefined ? {} : { flags: profile.flags }),
    syscalls: profile.syscalls
      .filter(({ includes, excludes }) => meets(includes, context) && !hits(excludes, context))
      .map(({ names, action, errnoRet, args }) => ({
        names,
        action,
        ...(errnoRet === undefined ? {} : { errnoRet }),
        ...(args === undefined ? {} : { args }),
      })),
  };
}

function architectures({ architectures = [], archMap = [] }: SeccompProfile, arch: Arch): string[] {
  const own = SECCOMP_ARCH[arch];
  const entry = archMap.find(({ architecture }) => architecture === own);
  return [...architectures, ...(entry ? [own, ...entry.subArchitectures] : [])];
}

function meets(filter: ProfileFilter | undefined, context: ProfileContext): boolean {
  const { caps = [], arches = [], minKernel = "" } = filter ?? {};
  return caps.every((name) => context.caps.includes(name)) &&
    (arches.length === 0 || arches.includes(DOCKER_ARCH[context.arch])) &&
    (minKernel === "" || isAtLeast(context.kernel, minKernel));
}

function hits(filter: ProfileFilter | undefined, context: ProfileContext): boolean {
  const { caps = [], arches = [], minKernel = "" } = filter ?? {};
  return caps.some((name) => context.caps.includes(name)) ||
    arches.includes(DOCKER_ARCH[context.arch]) ||
    (minKernel !== "" && isAtLeast(context.kernel, minKernel));
}

function isAtLeast(release: string, wanted: string): boolean {
  const [major, minor] = version(release);
  const [wantedMajor, wantedMinor] = version(wanted);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function version(text: string): [number, number] {
  const match = /^(\d+)\.(\d+)/.exec(text);
  if (match) return [Number(match[1]), Number(match[2])];
  throw new TsboxError("invalid-argument", `invalid kernel version in seccomp profile: "${text}"`);
}
