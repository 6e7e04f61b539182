/** Facts of this machine that a container's spec depends on. */
import { existsSync, readFileSync, statSync } from "node:fs";
import type { HostNode } from "../../container/host.ts";
import type { SpecMount } from "../../oci/runtime_spec.ts";
import type { RunOptions } from "../../container/run_options.ts";

/** The host's own name. */
export function hostname(): string {
  return readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
}

/** Whether a bind's source is a directory; links are followed, a missing one is not. */
export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What each `--device` source is. */
export function deviceNodes(options: Pick<RunOptions, "devices">): Record<string, HostNode> {
  const nodes: Record<string, HostNode> = {};
  for (const { source } of options.devices) {
    const stat = statSync(source, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const isDevice = stat.isCharacterDevice() || stat.isBlockDevice();
    nodes[source] = isDevice ? "device" : stat.isDirectory() ? "directory" : "other";
  }
  return nodes;
}

const CPUS = "/sys/devices/system/cpu";

/** The thermal counters docker hides; most machines in a data centre have none. */
export function thermalThrottle(): string[] {
  const folder = (cpu: number) => `${CPUS}/cpu${cpu}/thermal_throttle`;
  if (!existsSync(folder(0))) return [];
  const found: string[] = [];
  for (let cpu = 0; existsSync(folder(cpu)); cpu++) found.push(folder(cpu));
  return found;
}

/** With `--ipc host` the host's message queues are bound, which not every host has mounted. */
export function withoutMissingQueue(mounts: readonly SpecMount[]): SpecMount[] {
  return mounts.filter(({ type, source }) =>
    type !== "bind" || source !== "/dev/mqueue" || existsSync(source)
  );
}
