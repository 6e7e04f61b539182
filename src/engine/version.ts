import { readText } from "../ffi/quick_files.ts";
import { hostPlatform } from "../oci/platform.ts";
import type { ComponentVersion, VersionInfo } from "./api_types.ts";
import type { EngineContext } from "./context.ts";

/** The release of the running kernel, as `uname -r`. */
export function kernelRelease(): string {
  return readText("/proc/sys/kernel/osrelease").trim();
}

/** What this executable is. There is no daemon: client and server are the same program. */
export function versionInfo({ build }: Pick<EngineContext, "build">): VersionInfo {
  const component: ComponentVersion = {
    Version: build.version,
    GitCommit: build.commit,
    BunVersion: Bun.version,
    Os: "linux",
    Arch: hostPlatform().architecture,
    KernelVersion: kernelRelease(),
  };
  return { Client: component, Server: component };
}
