import type { MountRequest, VolumeRequest } from "../container/run_options.ts";
import type { MountPoint } from "./api_types.ts";

/** The mounts of a container as Docker's API lists them. */
export function mountPoints(mounts: readonly MountRequest[]): MountPoint[] {
  return mounts.map((mount) =>
    mount.type === "volume" ? volumePoint(mount) : {
      Type: mount.type,
      Source: mount.type === "bind" ? mount.source : "",
      Destination: mount.target,
      Mode: mount.readOnly ? "ro" : "",
      RW: !mount.readOnly,
      Propagation: mount.type === "bind" ? mount.propagation ?? "rprivate" : "",
    }
  );
}

function volumePoint(mount: VolumeRequest): MountPoint {
  const { name, target, readOnly, content, anonymous, mode } = mount;
  return {
    Type: "volume",
    Name: name,
    Source: content?.kind === "directory" ? content.path : "",
    Destination: target,
    Driver: "local",
    // Docker writes its default down for volumes that were named.
    Mode: mode ?? (anonymous ? "" : "z"),
    RW: !readOnly,
    Propagation: "",
  };
}
