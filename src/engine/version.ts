import { hostPlatform } from "../oci/platform.ts";
import { API_VERSION } from "./api_version.ts";
import type { ComponentVersion, VersionInfo } from "./api_types.ts";
import type { EngineContext } from "./context.ts";
import { kernelRelease } from "./kernel_release.ts";

/** What this executable is. There is no daemon: client and server are the same program. */
export function versionInfo({ build }: Pick<EngineContext, "build">): VersionInfo {
  const component: ComponentVersion = {
    Version: build.version,
    APIVersion: API_VERSION,
    GitCommit: build.commit,
    BunVersion: Bun.version,
    Os: "linux",
    Arch: hostPlatform().architecture,
    KernelVersion: kernelRelease(),
  };
  return { Client: component, Server: component };
}
