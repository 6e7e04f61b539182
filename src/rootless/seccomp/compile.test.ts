import { expect, test } from "bun:test";
import { runFilter } from "../../../tests/support/bpf.ts";
import { DEFAULT_CAPABILITIES } from "../../container/capabilities.ts";
import { capabilityNames } from "../../container/capability_names.ts";
import type { Arch } from "../../ffi/numbers.ts";
import { type CallingArch, syscallTable } from "../../ffi/syscall_table.ts";
import type { SpecSeccomp, SpecSyscall } from "../../oci/runtime_spec.ts";
import { compileSeccomp } from "./compile.ts";
import { DEFAULT_PROFILE } from "./default_profile.ts";
import { selectProfile } from "./profile.ts";
import { relevantCapabilities } from "./relevant.ts";

const ALLOW = 0x7fff0000;
const EPERM = 0x50001;
const ENOSYS = 0x50026;
const KILL_THREAD = 0;
const X64 = 0xc000003e;
const X86 = 0x40000003;
const X32_BIT = 0x40000000;

const CALLING: Record<CallingArch, { audit: number; base: number }> = {
  x64: { audit: X64, base: 0 },
  x32: { audit: X64, base: X32_BIT },
  x86: { audit: X86, base: 0 },
  arm64: { audit: 0xc00000b7, base: 0 },
  arm: { audit: 0x40000028, base: 0 },
};

const BIG = [0n, 1n, 8n, 39n, 40n, 41n, 45n, 46n, 0x20000n, 0x20008n, 0x7e020000n, 0xffffffffn];
/** Arguments around everything that profiles compare with, also with something in the upper half. */
const VALUES = [...BIG, ...BIG.map((v) => v + (1n << 32n)), (1n << 64n) - 1n, 0x10000011n];

/** What a profile says to a call, read as plainly as it can be. */
function expected(
  profile: SpecSeccomp,
  name: string | undefined,
  isNewer: boolean,
): (args: readonly bigint[]) => number {
  const fallback = value(profile.defaultAction, profile.defaultErrnoRet);
  const rules = profile.syscalls
    .filter((rule) => name !== undefined && rule.names.includes(name))
    .filter((rule) => value(rule.action, rule.errnoRet) !== fallback);
  return (args) => {
    const hit = rules.find((rule) => holds(rule, args));
    if (hit) return value(hit.action, hit.errnoRet);
    return isNewer ? ENOSYS : fallback;
  };
}

function lastNamed(profile: SpecSeccomp, arch: CallingArch): number {
  const named = new Set(profile.syscalls.flatMap(({ names }) => names));
  const numbers = [...syscallTable(arch)].filter(([name]) => named.has(name)).map(([, nr]) => nr);
  return Math.max(...numbers.filter((nr) => nr < 0xf0000));
}

function value(action: string, errno = 1): number {
  return action === "SCMP_ACT_ALLOW" ? ALLOW : action === "SCMP_ACT_ERRNO" ? 0x50000 + errno : NaN;
}

function holds({ args = [] }: SpecSyscall, actual: readonly bigint[]): boolean {
  return args.every(({ index, op, value, valueTwo = 0 }) => {
    const [a, b] = [actual[index] ?? 0n, BigInt(value)];
    if (op === "SCMP_CMP_EQ") return a === b;
    if (op === "SCMP_CMP_LT") return a < b;
    if (op === "SCMP_CMP_MASKED_EQ") return (a & b) === BigInt(valueTwo);
    throw new Error(op);
  });
}

function checkAll(
  arch: Arch,
  calling: CallingArch[],
  caps: readonly string[],
  values: readonly bigint[],
): number {
  const profile = selectProfile(DEFAULT_PROFILE, { caps, arch, kernel: "6.1" });
  const filter = compileSeccomp(profile, arch);
  const wrong: string[] = [];
  let checked = 0;
  for (const way of calling) {
    const { audit, base } = CALLING[way];
    const names = new Map([...syscallTable(way)].map(([name, nr]) => [nr, name]));
    const last = lastNamed(profile, way);
    const numbers = [...Array(700).keys(), 0xeffff, 0xf0000, 0xf0001, 0xf0002, 0xf0005, 0xf0007];
    for (const nr of numbers) {
      const isNewer = nr > last && !(way === "arm" && nr >= 0xf0000);
      const wanted = expected(profile, names.get(nr), isNewer);
      for (const v of values) {
        const args = [v, v, v, v, v, v];
        const seen = way === "x64" || way === "arm64" ? args : args.map((a) => a & 0xffffffffn);
        const is = runFilter(filter, { nr: base + nr, arch: audit, args });
        checked++;
        if (is !== wanted(seen)) wrong.push(`${way} ${nr} ${names.get(nr)} ${v}: ${is}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  return checked;
}

test("on x86-64 the filter decides as the default profile says, for all ways in and all calls", () => {
  for (const caps of [DEFAULT_CAPABILITIES, [], capabilityNames()]) {
    expect(checkAll("x64", ["x64", "x86", "x32"], caps, VALUES)).toBeGreaterThan(50000);
  }
});

test("on arm64 the filter decides as the default profile says, for all ways in and all calls", () => {
  for (const caps of [DEFAULT_CAPABILITIES, [], capabilityNames()]) {
    expect(checkAll("arm64", ["arm64", "arm"], caps, VALUES)).toBeGreaterThan(30000);
  }
});

test("so it does with each capability alone", () => {
  for (const name of relevantCapabilities()) {
    checkAll("x64", ["x64", "x86"], [name], [0n, 0x7e020000n]);
    checkAll("arm64", ["arm64"], [name], [0n, 0x7e020000n]);
  }
});

const profileOf = (more: Partial<SpecSeccomp>): SpecSeccomp => ({
  defaultAction: "SCMP_ACT_ERRNO",
  architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [],
  ...more,
});
const run = (profile: SpecSeccomp, nr: number, args: bigint[] = [], arch = X64) =>
  runFilter(compileSeccomp(profile, "x64"), { nr, arch, args });
const READ = 0;
const LSEEK = 8;

test("a foreign architecture and an unlisted x32 call kill, a skipped call does not", () => {
  const profile = profileOf({ syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] });
  expect(run(profile, READ)).toBe(ALLOW);
  expect(run(profile, READ, [], X86)).toBe(KILL_THREAD);
  expect(run(profile, READ, [], 0xc00000b7)).toBe(KILL_THREAD);
  expect(run(profile, X32_BIT)).toBe(KILL_THREAD);
  expect(run(profile, 0xfffffffe)).toBe(KILL_THREAD);
  expect(run(profile, 0xffffffff)).toBe(EPERM);
});

test("a call newer than all that the profile names does not exist, unless the default is to allow", () => {
  const names = ["read", "lseek"];
  expect(run(profileOf({ syscalls: [{ names, action: "SCMP_ACT_ALLOW" }] }), 7)).toBe(EPERM);
  expect(run(profileOf({ syscalls: [{ names, action: "SCMP_ACT_ALLOW" }] }), 9)).toBe(ENOSYS);
  const open = profileOf({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names, action: "SCMP_ACT_ERRNO" }],
  });
  expect(run(open, 9)).toBe(ALLOW);
  expect(run(open, READ)).toBe(EPERM);
  expect(run(profileOf({}), 9)).toBe(EPERM);
});

test("every action has the kernel's value", () => {
  const of = (action: string, errnoRet?: number) =>
    run(
      profileOf({
        syscalls: [{ names: ["read"], action, ...(errnoRet === undefined ? {} : { errnoRet }) }],
        defaultErrnoRet: 7,
      }),
      READ,
    );
  expect(of("SCMP_ACT_KILL_PROCESS")).toBe(0x80000000);
  expect(of("SCMP_ACT_KILL")).toBe(KILL_THREAD);
  expect(of("SCMP_ACT_TRAP")).toBe(0x30000);
  expect(of("SCMP_ACT_LOG")).toBe(0x7ffc0000);
  expect(of("SCMP_ACT_TRACE", 5)).toBe(0x7ff00005);
  expect(of("SCMP_ACT_ERRNO", 0)).toBe(0x50000);
  expect(of("SCMP_ACT_ERRNO")).toBe(EPERM);
  expect(() => of("SCMP_ACT_NOTIFY")).toThrow("SCMP_ACT_NOTIFY");
  expect(() => of("SCMP_ACT_WHAT")).toThrow('unknown action in seccomp profile: "SCMP_ACT_WHAT"');
  expect(() => of("SCMP_ACT_ERRNO", 70000)).toThrow("invalid errnoRet");
});

const OPS: Record<string, (a: bigint, b: bigint, two: bigint) => boolean> = {
  SCMP_CMP_EQ: (a, b) => a === b,
  SCMP_CMP_NE: (a, b) => a !== b,
  SCMP_CMP_LT: (a, b) => a < b,
  SCMP_CMP_LE: (a, b) => a <= b,
  SCMP_CMP_GE: (a, b) => a >= b,
  SCMP_CMP_GT: (a, b) => a > b,
  SCMP_CMP_MASKED_EQ: (a, b, two) => (a & b) === two,
};

test("arguments are compared as 64-bit numbers, by every operator, at every index", () => {
  const edges = [0, 1, 5, 0xffffffff, 2 ** 32, 2 ** 32 + 5, 2 ** 33 - 1, Number.MAX_SAFE_INTEGER];
  for (const [op, holds] of Object.entries(OPS)) {
    for (const value of edges) {
      for (const valueTwo of [0, 1, 2 ** 32, value]) {
        for (const index of [0, 5]) {
          const filter = compileSeccomp(
            profileOf({
              syscalls: [{
                names: ["read"],
                action: "SCMP_ACT_ALLOW",
                args: [{ index, value, valueTwo, op }],
              }],
            }),
            "x64",
          );
          for (const edge of edges) {
            for (const actual of [BigInt(edge), BigInt(edge) + 1n, BigInt(edge) ^ 1n << 63n]) {
              const args = Array<bigint>(6).fill(77n).with(index, actual);
              const is = runFilter(filter, { nr: READ, arch: X64, args });
              const wanted = holds(actual, BigInt(value), BigInt(valueTwo));
              expect([op, value, actual, is === ALLOW]).toEqual([op, value, actual, wanted]);
            }
          }
        }
      }
    }
  }
});

test("conditions on several arguments hold together, several on one are alternatives", () => {
  const eq = (index: number, value: number) => ({ index, value, op: "SCMP_CMP_EQ" });
  const rule = (args: SpecSyscall["args"] & object) =>
    profileOf({ syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", args }] });
  expect(run(rule([eq(0, 1), eq(1, 2)]), READ, [1n, 2n])).toBe(ALLOW);
  expect(run(rule([eq(0, 1), eq(1, 2)]), READ, [1n, 3n])).toBe(EPERM);
  expect(run(rule([eq(0, 1), eq(0, 2)]), READ, [2n])).toBe(ALLOW);
  expect(run(rule([eq(0, 1), eq(0, 2)]), READ, [3n])).toBe(EPERM);
});

test("the first rule that applies decides; a rule that says the default is no rule", () => {
  const args = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }];
  const profile = profileOf({
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet: 5, args },
      { names: ["read"], action: "SCMP_ACT_ERRNO" },
      { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
      { names: ["read"], action: "SCMP_ACT_KILL" },
    ],
  });
  expect(run(profile, READ, [1n])).toBe(0x50005);
  expect(run(profile, READ, [2n])).toBe(ALLOW);
  expect(run(profile, 1)).toBe(ALLOW);
});

test("what is refused by name is refused through socketcall and ipc too", () => {
  const profile = profileOf({
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86"],
    syscalls: [
      {
        names: ["socket"],
        action: "SCMP_ACT_ERRNO",
        args: [{ index: 0, value: 38, op: "SCMP_CMP_EQ" }],
      },
      { names: ["shmctl"], action: "SCMP_ACT_ERRNO" },
    ],
  });
  const [socketcall, ipc] = [102, 117];
  expect(run(profile, socketcall, [1n], X86)).toBe(EPERM);
  expect(run(profile, socketcall, [2n], X86)).toBe(ALLOW);
  expect(run(profile, ipc, [24n], X86)).toBe(EPERM);
  expect(run(profile, 359, [38n], X86)).toBe(EPERM);
  expect(run(profile, 359, [2n], X86)).toBe(ALLOW);
});

test("long chains of conditions, farther apart than a branch reaches, still find their ends", () => {
  const args = (value: number) => [{ index: 1, value, op: "SCMP_CMP_EQ" }];
  const many = Array.from({ length: 150 }, (_, i) => i * 7);
  const profile = profileOf({
    syscalls: [
      ...many.map((v) => ({ names: ["read"], action: "SCMP_ACT_ALLOW", args: args(v) })),
      ...many.map((v) => ({ names: ["lseek"], action: "SCMP_ACT_TRAP", args: args(v + 1) })),
    ],
  });
  const filter = compileSeccomp(profile, "x64");
  const judge = (nr: number, v: number) =>
    runFilter(filter, { nr, arch: X64, args: [0n, BigInt(v)] });
  for (const v of many) {
    expect(judge(READ, v)).toBe(ALLOW);
    expect(judge(READ, v + 1)).toBe(EPERM);
    expect(judge(LSEEK, v + 1)).toBe(0x30000);
  }
});

test("a profile that gets longer than the kernel takes is refused", () => {
  const syscalls = Array.from({ length: 1100 }, (_, value) => ({
    names: ["read"],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 0, value, op: "SCMP_CMP_EQ" }],
  }));
  expect(() => compileSeccomp(profileOf({ syscalls }), "x64")).toThrow("the kernel takes 4096");
});

test("what cannot be compared exactly, or has no meaning, is refused", () => {
  const arg = (index: number, value: number, op: string) => () =>
    compileSeccomp(
      profileOf({
        syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", args: [{ index, value, op }] }],
      }),
      "x64",
    );
  expect(arg(0, 2 ** 53, "SCMP_CMP_EQ")).toThrow("is too large");
  expect(arg(6, 0, "SCMP_CMP_EQ")).toThrow("invalid argument index");
  expect(arg(0, 0, "SCMP_CMP_SO")).toThrow("unknown comparison");
  expect(() => compileSeccomp(profileOf({ architectures: ["x86"] }), "x64")).toThrow(
    "unknown architecture",
  );
});
