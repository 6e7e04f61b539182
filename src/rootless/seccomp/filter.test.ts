import { expect, test } from "bun:test";
import { runFilter } from "../../../tests/support/bpf.ts";
import { toAnnotations } from "../../container/annotations.ts";
import { capabilitySets, DEFAULT_CAPABILITIES } from "../../container/capabilities.ts";
import { capabilityNames } from "../../container/capability_names.ts";
import type { RuntimeSpec, SpecSeccomp } from "../../oci/runtime_spec.ts";
import { compileSeccomp } from "./compile.ts";
import { DEFAULT_FILTERS, RELEVANT_CAPABILITIES } from "./default_filter.ts";
import { DEFAULT_PROFILE } from "./default_profile.ts";
import { readyFilter, seccompFilter } from "./filter.ts";
import { selectProfile } from "./profile.ts";
import { relevantCapabilities } from "./relevant.ts";

const X64 = 0xc000003e;
const MOUNT = 165;
const kernel = () => "6.1";

function spec(
  seccomp: "default" | "profile" | "unconfined",
  caps: readonly string[],
  profile?: SpecSeccomp,
): RuntimeSpec {
  return {
    ociVersion: "1.2.0",
    process: {
      terminal: false,
      cwd: "/",
      args: ["true"],
      env: [],
      user: { uid: 0, gid: 0, additionalGids: [] },
      capabilities: capabilitySets(caps, 0),
      rlimits: [],
      noNewPrivileges: false,
    },
    root: { path: "/", readonly: false },
    mounts: [],
    annotations: toAnnotations({
      init: false,
      user: "",
      groups: [],
      subpaths: {},
      stopSignal: "",
      seccomp,
    }),
    linux: {
      namespaces: [],
      uidMappings: [],
      gidMappings: [],
      devices: [],
      sysctl: {},
      maskedPaths: [],
      readonlyPaths: [],
      ...(profile === undefined ? {} : { seccomp: profile }),
    },
  };
}

test("ready-made filters are what the profile compiles to (else run scripts/make_seccomp_filters.ts)", () => {
  expect([...RELEVANT_CAPABILITIES]).toEqual(relevantCapabilities());
  for (const arch of ["x64", "arm64"] as const) {
    expect(Object.keys(DEFAULT_FILTERS[arch])).toEqual(["CAP_SYS_CHROOT", ""]);
    for (const caps of [DEFAULT_CAPABILITIES, ["CAP_CHOWN"]]) {
      const profile = selectProfile(DEFAULT_PROFILE, { caps, arch, kernel: "6.1" });
      const ready = readyFilter(caps, arch);
      expect(Buffer.from(ready?.program ?? []).equals(compileSeccomp(profile, arch))).toBe(true);
    }
  }
});

test("the usual container gets a ready-made filter, more capabilities a compiled one", async () => {
  const never = () => {
    throw new Error("asked for the kernel");
  };
  const usual = await seccompFilter(spec("default", DEFAULT_CAPABILITIES), never, "x64");
  expect(usual).toEqual(readyFilter(DEFAULT_CAPABILITIES, "x64"));
  expect(readyFilter(capabilityNames(), "x64")).toBeUndefined();
  const all = await seccompFilter(spec("default", capabilityNames()), kernel, "x64");
  const verdict = (program: Uint8Array | undefined) =>
    runFilter(program ?? new Uint8Array(), { nr: MOUNT, arch: X64 });
  expect(verdict(usual?.program)).toBe(0x50001);
  expect(verdict(all?.program)).toBe(0x7fff0000);
});

test("unconfined means no filter", async () => {
  expect(await seccompFilter(spec("unconfined", []), kernel, "x64")).toBeUndefined();
});

test("the spec's own profile is compiled, with its flags", async () => {
  const profile: SpecSeccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: [],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
  };
  const filter = await seccompFilter(spec("profile", [], profile), kernel, "x64");
  expect(filter?.flags).toBe(2);
  expect(runFilter(filter?.program ?? new Uint8Array(), { nr: MOUNT, arch: X64 })).toBe(0x5005f);
  const strange = { ...profile, flags: ["SECCOMP_FILTER_FLAG_NEW"] };
  expect(seccompFilter(spec("profile", [], strange), kernel, "x64")).rejects.toThrow(
    "not supported",
  );
});

test("an empty profile of the user's means no filter", async () => {
  expect(await seccompFilter(spec("profile", []), kernel, "x64")).toBeUndefined();
});
