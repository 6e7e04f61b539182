/** Our filters against those that libseccomp makes of the same profile, where it is installed. */
import { expect, test } from "bun:test";
import { dlopen, FFIType, ptr } from "bun:ffi";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_CAPABILITIES } from "../src/container/capabilities.ts";
import { capabilityNames } from "../src/container/capability_names.ts";
import { type CallingArch, syscallTable } from "../src/ffi/syscall_table.ts";
import type { SpecSeccomp, SpecSyscall } from "../src/oci/runtime_spec.ts";
import { actionValue } from "../src/rootless/seccomp/actions.ts";
import { compileSeccomp } from "../src/rootless/seccomp/compile.ts";
import { DEFAULT_PROFILE } from "../src/rootless/seccomp/default_profile.ts";
import { selectProfile } from "../src/rootless/seccomp/profile.ts";
import { runFilter } from "./support/bpf.ts";

const AUDIT: Record<CallingArch, { audit: number; base: number; token: number }> = {
  x64: { audit: 0xc000003e, base: 0, token: 0xc000003e },
  x32: { audit: 0xc000003e, base: 0x40000000, token: 0x4000003e },
  x86: { audit: 0x40000003, base: 0, token: 0x40000003 },
  arm64: { audit: 0xc00000b7, base: 0, token: 0xc00000b7 },
  arm: { audit: 0x40000028, base: 0, token: 0x40000028 },
};
const OPS = ["", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
const ENOSYS = 0x50026;
const NATIVE = 0;

function openLibrary() {
  try {
    return dlopen("libseccomp.so.2", {
      seccomp_init: { args: [FFIType.u32], returns: FFIType.ptr },
      seccomp_arch_add: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
      seccomp_arch_remove: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
      seccomp_syscall_resolve_name: { args: [FFIType.cstring], returns: FFIType.i32 },
      seccomp_rule_add_array: {
        args: [FFIType.ptr, FFIType.u32, FFIType.i32, FFIType.u32, FFIType.ptr],
        returns: FFIType.i32,
      },
      seccomp_export_bpf: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
      seccomp_release: { args: [FFIType.ptr], returns: FFIType.void },
    }).symbols;
  } catch {
    return undefined;
  }
}

const library = openLibrary();
type Library = NonNullable<typeof library>;
type Context = NonNullable<ReturnType<Library["seccomp_init"]>>;

/** struct scmp_arg_cmp { unsigned arg; enum op; u64 a; u64 b; } */
function comparisons(args: NonNullable<SpecSyscall["args"]>): Uint8Array {
  const view = new DataView(new ArrayBuffer(4096));
  args.forEach(({ index, op, value, valueTwo = 0 }, i) => {
    view.setUint32(i * 24, index, true);
    view.setUint32(i * 24 + 4, OPS.indexOf(op.replace("SCMP_CMP_", "")), true);
    view.setBigUint64(i * 24 + 8, BigInt(value), true);
    view.setBigUint64(i * 24 + 16, BigInt(valueTwo), true);
  });
  return new Uint8Array(view.buffer);
}

/** libseccomp's numbers for actions are the filter's own. */
function addRule(lib: Library, context: Context, rule: SpecSyscall): void {
  for (const name of rule.names) {
    const number = lib.seccomp_syscall_resolve_name(Buffer.from(`${name}\0`));
    if (number === -1) continue;
    const args = comparisons(rule.args ?? []);
    const count = rule.args?.length ?? 0;
    const action = actionValue(rule.action, rule.errnoRet);
    const result = lib.seccomp_rule_add_array(context, action, number, count, ptr(args));
    if (result !== 0) throw new Error(`libseccomp refuses a rule for ${name}: ${result}`);
  }
}

function reference(lib: Library, profile: SpecSeccomp, ways: readonly CallingArch[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-seccomp-"));
  const context = lib.seccomp_init(actionValue(profile.defaultAction, profile.defaultErrnoRet));
  if (context === null) throw new Error("libseccomp cannot be used");
  try {
    for (const way of ways) lib.seccomp_arch_add(context, AUDIT[way].token);
    if (!ways.includes("x64")) lib.seccomp_arch_remove(context, NATIVE);
    for (const rule of profile.syscalls) addRule(lib, context, rule);
    const fd = openSync(join(folder, "filter"), "w");
    lib.seccomp_export_bpf(context, fd);
    closeSync(fd);
    return readFileSync(join(folder, "filter"));
  } finally {
    lib.seccomp_release(context);
    rmSync(folder, { recursive: true });
  }
}

const NARROW = [0n, 1n, 8n, 38n, 40n, 41n, 46n, 0x20000n, 0x20008n, 0x7e020011n, 0xffffffffn];
const VALUES = [...NARROW, ...NARROW.map((value) => value + (1n << 40n))];

/** Calls up to Linux 5.16, which every libseccomp of today knows. */
function knownCalls(way: CallingArch): [name: string, number: number][] {
  return [...syscallTable(way)].filter(([name, nr]) =>
    (nr <= 449 || nr >= 512) && !["uretprobe", "uprobe"].includes(name)
  );
}

function differences(profile: SpecSeccomp, arch: "x64" | "arm64", ways: CallingArch[]): string[] {
  if (library === undefined) throw new Error("no libseccomp");
  const theirs = reference(library, profile, ways);
  const ours = compileSeccomp(profile, arch);
  return ways.flatMap((way) => {
    const { audit, base } = AUDIT[way];
    return knownCalls(way).flatMap(([name, number]) =>
      VALUES.flatMap((v) => {
        const data = { nr: base + number, arch: audit, args: [v, v, v, v, v, v] };
        const [is, wanted] = [runFilter(ours, data), runFilter(theirs, data)];
        return is === wanted || is === ENOSYS && number > 440
          ? []
          : [`${way} ${name} ${v} ${is} ${wanted}`];
      })
    );
  });
}

for (
  const [what, caps] of [
    ["docker's capabilities", DEFAULT_CAPABILITIES],
    ["all capabilities", capabilityNames()],
  ] as const
) {
  test.skipIf(library === undefined)(
    `the default profile with ${what} decides as libseccomp does (needs libseccomp.so.2)`,
    () => {
      const of = (arch: "x64" | "arm64") =>
        selectProfile(DEFAULT_PROFILE, { caps, arch, kernel: "6.1" });
      expect(differences(of("x64"), "x64", ["x64", "x86", "x32"])).toEqual([]);
      expect(differences(of("arm64"), "arm64", ["arm64", "arm"])).toEqual([]);
    },
    20_000,
  );
}

test.skipIf(library === undefined)(
  "a profile that denies some decides as libseccomp does (needs libseccomp.so.2)",
  () => {
    const arg = (op: string, value: number, valueTwo = 0) => [
      { index: 1, value, valueTwo, op: `SCMP_CMP_${op}` },
    ];
    const rules: [string, string, SpecSyscall["args"]?][] = [
      ["socket", "SCMP_ACT_ERRNO"],
      ["shmat", "SCMP_ACT_KILL_PROCESS"],
      ["read", "SCMP_ACT_ERRNO", arg("GT", 40)],
      ["write", "SCMP_ACT_TRAP", arg("LE", 40)],
      ["lseek", "SCMP_ACT_LOG", arg("GE", 2 ** 40 + 8)],
      ["mmap", "SCMP_ACT_KILL", arg("MASKED_EQ", 0xff, 0x11)],
      ["mprotect", "SCMP_ACT_TRACE", arg("NE", 1)],
    ];
    const syscalls = rules.map(([name, action, args]) => ({
      names: [name],
      action,
      ...(args === undefined ? {} : { args }),
    }));
    const profile: SpecSeccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      syscalls,
    };
    expect(differences(profile, "x64", ["x64", "x86", "x32"])).toEqual([]);
  },
  20_000,
);
