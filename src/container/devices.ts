/** Device nodes of a container: rootless, each is a bind mount of the host's. */
import { TsboxError } from "../errors.ts";
import type { SpecDevice, SpecMount } from "../oci/runtime_spec.ts";
import type { HostNode } from "./host.ts";
import type { DeviceRequest } from "./run_options.ts";

const MEMORY = [["null", 3], ["zero", 5], ["full", 7], ["random", 8], ["urandom", 9]] as const;

/** What every container has. Numbers are those of the kernel's devices.txt. */
export function defaultDevices(): SpecDevice[] {
  const device = (name: string, major: number, minor: number): SpecDevice => ({
    path: `/dev/${name}`,
    type: "c",
    major,
    minor,
    fileMode: 0o666,
    uid: 0,
    gid: 0,
  });
  const devices: SpecDevice[] = [];
  for (const [name, minor] of MEMORY) devices.push(device(name, 1, minor));
  devices.push(device("tty", 5, 0));
  return devices;
}

/**
 * `--device` as mounts: a SpecDevice has no source path, and the node may get another name inside.
 * @param nodes what each source is
 * @throws TsboxError("not-found"|"invalid-argument"|"unsupported")
 */
export function deviceMounts(
  requests: readonly DeviceRequest[],
  nodes: Readonly<Record<string, HostNode>>,
): SpecMount[] {
  return requests.map((request) => {
    refuseWrongNode(request.source, nodes[request.source]);
    refuseLimitedAccess(request);
    return {
      destination: request.target,
      type: "bind",
      source: request.source,
      options: ["bind", "nosuid", "noexec", "rprivate"],
    };
  });
}

function refuseWrongNode(source: string, node: HostNode | undefined): void {
  const trouble = `error gathering device information while adding custom device "${source}"`;
  if (node === undefined) {
    throw new TsboxError("not-found", `${trouble}: no such file or directory`);
  }
  if (node === "other") throw new TsboxError("invalid-argument", `${trouble}: not a device node`);
}

/** Without the device controller, which needs root, only the node's own mode limits access. */
function refuseLimitedAccess({ source, access }: DeviceRequest): void {
  if (access.includes("r") && access.includes("w")) return;
  throw new TsboxError(
    "unsupported",
    `Cannot limit access to device "${source}" to "${access}" in a rootless container`,
    { hint: "use rw or rwm; the node's own owner and mode still count" },
  );
}
