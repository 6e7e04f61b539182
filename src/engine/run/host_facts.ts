/** Facts of this machine that a container's spec depends on. */
import type { HostNode } from "../../container/host.ts";
import type { RunOptions } from "../../container/run_options.ts";
import { S_IFBLK, S_IFCHR, S_IFMT } from "../../ffi/constants.ts";
import { exists, fileStatus, readText } from "../../ffi/quick_files.ts";
import type { SpecMount } from "../../oci/runtime_spec.ts";

/** The host's own name. */
export function hostname(): string {
  return readText("/proc/sys/kernel/hostname").trim();
}

/**
 * Whether a bind's source is a directory; links are followed. What we cannot see counts as one: in a folder
 * of a volume that belongs to a user of the container only root of the user namespace can look.
 */
export function isDirectory(path: string): boolean {
  return fileStatus(path)?.isDirectory ?? true;
}

/** What each `--device` source is. */
export function deviceNodes(options: Pick<RunOptions, "devices">): Record<string, HostNode> {
  const nodes: Record<string, HostNode> = {};
  for (const { source } of options.devices) {
    const status = fileStatus(source);
    if (status === undefined) continue;
    const type = status.mode & S_IFMT;
    const isDevice = type === S_IFCHR || type === S_IFBLK;
    nodes[source] = isDevice ? "device" : status.isDirectory ? "directory" : "other";
  }
  return nodes;
}

const CPUS = "/sys/devices/system/cpu";

/** The thermal counters docker hides; most machines in a data centre have none. */
export function thermalThrottle(): string[] {
  const folder = (cpu: number) => `${CPUS}/cpu${cpu}/thermal_throttle`;
  if (!exists(folder(0))) return [];
  const found: string[] = [];
  for (let cpu = 0; exists(folder(cpu)); cpu++) found.push(folder(cpu));
  return found;
}

/** With `--ipc host` the host's message queues are bound, which not every host has mounted. */
export function withoutMissingQueue(mounts: readonly SpecMount[]): SpecMount[] {
  const there: SpecMount[] = [];
  for (const mount of mounts) {
    const isQueue = mount.type === "bind" && mount.source === "/dev/mqueue";
    if (!isQueue || exists(mount.source)) there.push(mount);
  }
  return there;
}
