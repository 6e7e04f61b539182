import { expect, test } from "bun:test";
import { loadProfile } from "./load_profile.ts";
import type { ProfileContext } from "./profile.ts";

const CONTEXT: ProfileContext = {
  caps: ["CAP_CHOWN", "CAP_KILL"],
  arch: "x64",
  kernel: "5.15.0-91",
};

const load = (profile: unknown, more: Partial<ProfileContext> = {}) =>
  loadProfile(JSON.stringify(profile), { ...CONTEXT, ...more });
const entry = (name: string, more = {}) => ({ names: [name], action: "SCMP_ACT_ALLOW", ...more });
const kept = (syscalls: unknown[], more: Partial<ProfileContext> = {}) =>
  load({ defaultAction: "SCMP_ACT_ERRNO", syscalls }, more)?.syscalls.flatMap((s) => s.names);

test("an entry counts when it includes all named capabilities and excludes none of them", () => {
  expect(kept([
    entry("a", { includes: { caps: ["CAP_CHOWN"] } }),
    entry("b", { includes: { caps: ["CAP_CHOWN", "CAP_BPF"] } }),
    entry("c", { excludes: { caps: ["CAP_BPF", "CAP_KILL"] } }),
    entry("d", { excludes: { caps: ["CAP_BPF"] } }),
    entry("e"),
  ])).toEqual(["a", "d", "e"]);
});

test("an entry counts on the architectures it names", () => {
  const syscalls = [
    entry("a", { includes: { arches: ["amd64", "x32"] } }),
    entry("b", { includes: { arches: ["arm64"] } }),
    entry("c", { excludes: { arches: ["arm64"] } }),
  ];
  expect(kept(syscalls)).toEqual(["a", "c"]);
  expect(kept(syscalls, { arch: "arm64" })).toEqual(["b"]);
});

test("an entry counts from the kernel it names on", () => {
  const syscalls = [
    entry("a", { includes: { minKernel: "5.15" } }),
    entry("b", { includes: { minKernel: "5.16" } }),
    entry("c", { excludes: { minKernel: "4.8" } }),
    entry("d", { includes: { minKernel: "4.20" } }),
  ];
  expect(kept(syscalls)).toEqual(["a", "d"]);
  expect(kept(syscalls, { kernel: "6.1" })).toEqual(["a", "b", "d"]);
  expect(() => kept([entry("a", { includes: { minKernel: "new" } })])).toThrow("kernel version");
});

test("architectures come from the map for this machine, or from the plain list", () => {
  const archMap = [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
    { architecture: "SCMP_ARCH_S390X", subArchitectures: null },
  ];
  const base = { defaultAction: "SCMP_ACT_ALLOW" };
  expect(load({ ...base, archMap })?.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
  expect(load({ ...base, archMap }, { arch: "arm64" })?.architectures).toEqual([]);
  const architectures = ["SCMP_ARCH_X32"];
  expect(load({ ...base, architectures })?.architectures).toEqual(architectures);
  expect(() => load({ ...base, architectures, archMap })).toThrow("either");
});

test("actions, errnos, flags and arguments are carried over; one name may stand alone", () => {
  const args = [{ index: 1, value: 3, op: "SCMP_CMP_GT" }];
  const syscalls = [{ name: "read", action: "SCMP_ACT_ERRNO", errnoRet: 5, args }];
  expect(load({ defaultAction: "SCMP_ACT_LOG", defaultErrnoRet: 2, flags: [], syscalls })).toEqual({
    defaultAction: "SCMP_ACT_LOG",
    defaultErrnoRet: 2,
    architectures: [],
    flags: [],
    syscalls: [{
      names: ["read"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 5,
      args: [{ index: 1, value: 3, valueTwo: 0, op: "SCMP_CMP_GT" }],
    }],
  });
  expect(() => load({ syscalls: [entry("read", { name: "write" })] })).toThrow("either");
});

test("an empty profile means none", () => {
  expect(load({})).toBeUndefined();
});

test("what is no profile is refused", () => {
  for (const wrong of [[], "x", null, { syscalls: 1 }, { syscalls: [1] }, { defaultAction: 1 }]) {
    expect(() => load(wrong)).toThrow("decoding seccomp profile failed");
  }
  expect(() => load({ syscalls: [entry("a", { args: [{ index: -1 }] })] })).toThrow("whole number");
  expect(() => load({ syscalls: [{ names: ["a"] }] })).toThrow("action: expected a string");
  expect(() => loadProfile("{", CONTEXT)).toThrow("decoding seccomp profile failed");
});
