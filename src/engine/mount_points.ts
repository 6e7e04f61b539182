import type { MountRequest } from "../container/run_options.ts";
import type { MountPoint } from "./api_types.ts";

/** The user's mounts as Docker's API lists them. */
export function mountPoints(mounts: readonly MountRequest[]): MountPoint[] {
  return mounts.map((mount) => ({
    Type: mount.type,
    Source: mount.type === "bind" ? mount.source : "",
    Destination: mount.target,
    Mode: mount.readOnly ? "ro" : "",
    RW: !mount.readOnly,
    Propagation: mount.type === "bind" ? mount.propagation ?? "rprivate" : "",
  }));
}
