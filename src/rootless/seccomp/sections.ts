/** Which system calls a filter can see on a machine, and by which numbers. */
import { TsboxError } from "../../errors.ts";
import type { Arch } from "../../ffi/numbers.ts";
import { type CallingArch, syscallTable } from "../../ffi/syscall_table.ts";

/** Numbers under one AUDIT_ARCH value (linux/audit.h). */
export interface Section {
  audit: number;
  zones: Zone[];
}

/** A stretch of numbers, up to the next zone or the end. */
export interface Zone {
  start: number;
  /** Numbers by name, counted from `start`; undefined is an architecture the profile leaves out. */
  calls: ReadonlyMap<string, number> | undefined;
  /** New kernels add numbers at its end. */
  growing: boolean;
  /** Arguments have 64 bits. Else only their lower half counts, as with libseccomp. */
  wide: boolean;
}

/** Bit of a number that marks x32, which shares x86-64's AUDIT_ARCH. */
const X32_BIT = 0x40000000;
/** Where 32-bit ARM has a few calls of its own. */
const ARM_PRIVATE = 0xf0000;
/** A tracer sets this number to skip a call; it must not kill, as it does not with libseccomp. */
const SKIPPED = 0xffffffff;

const AUDIT = { x64: 0xc000003e, x86: 0x40000003, arm64: 0xc00000b7, arm: 0x40000028 } as const;

/** Names of profiles; undefined for machines that we do not run on. */
const NAMES: Readonly<Record<string, CallingArch | undefined>> = {
  SCMP_ARCH_X86_64: "x64",
  SCMP_ARCH_X86: "x86",
  SCMP_ARCH_X32: "x32",
  SCMP_ARCH_AARCH64: "arm64",
  SCMP_ARCH_ARM: "arm",
};

/**
 * What a filter must cover: the machine's own calls always, its others when the profile names them.
 * Architectures that this machine cannot run are passed over: their calls never come.
 * @throws TsboxError("invalid-argument") for what is no architecture's name
 */
export function sectionsOf(names: readonly string[], arch: Arch): Section[] {
  const wanted = new Set(names.map(known));
  if (arch === "arm64") return [arm64(), ...(wanted.has("arm") ? [arm()] : [])];
  return [x64(wanted.has("x32")), ...(wanted.has("x86") ? [x86()] : [])];
}

function known(name: string): CallingArch | undefined {
  if (/^SCMP_ARCH_[A-Z0-9_]+$/.test(name)) return NAMES[name];
  throw new TsboxError("invalid-argument", `unknown architecture in seccomp profile: "${name}"`);
}

function x64(withX32: boolean): Section {
  return {
    audit: AUDIT.x64,
    zones: [
      { start: 0, calls: syscallTable("x64"), growing: true, wide: true },
      {
        start: X32_BIT,
        calls: withX32 ? syscallTable("x32") : undefined,
        growing: true,
        wide: false,
      },
      { start: SKIPPED, calls: new Map(), growing: false, wide: true },
    ],
  };
}

function x86(): Section {
  return {
    audit: AUDIT.x86,
    zones: [{ start: 0, calls: syscallTable("x86"), growing: true, wide: false }],
  };
}

function arm64(): Section {
  return {
    audit: AUDIT.arm64,
    zones: [{ start: 0, calls: syscallTable("arm64"), growing: true, wide: true }],
  };
}

function arm(): Section {
  const all = [...syscallTable("arm")];
  const own = all.filter(([, number]) => number >= ARM_PRIVATE);
  return {
    audit: AUDIT.arm,
    zones: [
      {
        start: 0,
        calls: new Map(all.filter(([, number]) => number < ARM_PRIVATE)),
        growing: true,
        wide: false,
      },
      {
        start: ARM_PRIVATE,
        calls: new Map(own.map(([name, number]) => [name, number - ARM_PRIVATE])),
        growing: false,
        wide: false,
      },
    ],
  };
}
