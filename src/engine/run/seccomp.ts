/** The profile of `--security-opt seccomp=FILE`. */
import { chooseCapabilities } from "../../container/capabilities.ts";
import type { RunOptions } from "../../container/run_options.ts";
import { ARCH } from "../../ffi/numbers.ts";
import type { SpecSeccomp } from "../../oci/runtime_spec.ts";
import { kernelRelease } from "../kernel_release.ts";

/**
 * The user's own profile, for this machine and the container's capabilities; undefined when there is none.
 * @throws TsboxError "invalid-argument" for what is no profile
 */
export function customProfile(
  options: RunOptions,
): Promise<SpecSeccomp | undefined> | undefined {
  // An async function that has nothing to wait for costs every run a generator and a promise.
  return options.seccomp.kind === "profile" ? loaded(options, options.seccomp.json) : undefined;
}

async function loaded(options: RunOptions, json: string): Promise<SpecSeccomp | undefined> {
  const { loadProfile } = await import("../../rootless/seccomp/load_profile.ts");
  return loadProfile(json, {
    caps: chooseCapabilities(options.capAdd, options.capDrop),
    arch: ARCH,
    kernel: kernelRelease(),
  });
}
