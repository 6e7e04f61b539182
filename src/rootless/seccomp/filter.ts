/** The seccomp filter of a container. The usual one is ready made; only others load the compiler. */
import { DEFAULT_CAPABILITIES } from "../../container/capabilities.ts";
import { launchNotes } from "../../container/annotations.ts";
import { ARCH, type Arch } from "../../ffi/numbers.ts";
import type { RuntimeSpec, SpecSeccomp } from "../../oci/runtime_spec.ts";
import { filterFlags } from "./actions.ts";
import { DEFAULT_FILTERS, RELEVANT_CAPABILITIES } from "./default_filter.ts";

/** What seccomp(2) takes. */
export interface SeccompFilter {
  /** An array of struct sock_filter, 8 bytes each. */
  program: Uint8Array<ArrayBuffer>;
  /** SECCOMP_FILTER_FLAG_* */
  flags: number;
}

/**
 * The filter a spec asks for; undefined is unconfined. Its capabilities are the bounding set.
 * @param kernel asks for uname's release; the usual container needs no answer
 * @throws TsboxError when the spec's own profile cannot be compiled
 */
export function seccompFilter(
  spec: RuntimeSpec,
  kernel: () => string,
  arch: Arch = ARCH,
): Promise<SeccompFilter> | SeccompFilter | undefined {
  const { seccomp } = launchNotes(spec);
  if (seccomp === "unconfined") return undefined;
  const { bounding } = spec.process.capabilities;
  if (seccomp === "default") {
    return readyFilter(bounding, arch) ??
      defaultProfile(bounding, kernel(), arch).then((profile) => compiled(profile, arch));
  }
  return spec.linux.seccomp === undefined ? undefined : compiled(spec.linux.seccomp, arch);
}

/** The ready-made default filter for these capabilities, if there is one. */
export function readyFilter(
  caps: readonly string[] = DEFAULT_CAPABILITIES,
  arch: Arch = ARCH,
): SeccompFilter | undefined {
  const relevant = RELEVANT_CAPABILITIES.filter((name) => caps.includes(name));
  const text = DEFAULT_FILTERS[arch][relevant.join(" ")];
  if (text === undefined) return undefined;
  // Not Buffer.from: first use of Buffer costs every start 0.2 ms.
  return { program: Uint8Array.fromBase64(text), flags: filterFlags(undefined) };
}

async function defaultProfile(
  caps: readonly string[],
  kernel: string,
  arch: Arch,
): Promise<SpecSeccomp> {
  const [{ DEFAULT_PROFILE }, { selectProfile }] = await Promise.all([
    import("./default_profile.ts"),
    import("./profile.ts"),
  ]);
  return selectProfile(DEFAULT_PROFILE, { caps, arch, kernel });
}

async function compiled(profile: SpecSeccomp, arch: Arch): Promise<SeccompFilter> {
  const { compileSeccomp } = await import("./compile.ts");
  return { program: compileSeccomp(profile, arch), flags: filterFlags(profile.flags) };
}
