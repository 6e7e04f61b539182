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
export async function customProfile(options: RunOptions): Promise<SpecSeccomp | undefined> {
  if (options.seccomp.kind !== "profile") return undefined;
  const { loadProfile } = await import("../../rootless/seccomp/load_profile.ts");
  return loadProfile(options.seccomp.json, {
    caps: chooseCapabilities(options.capAdd, options.capDrop),
    arch: ARCH,
    kernel: kernelRelease(),
  });
}
