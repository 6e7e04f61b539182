/** All mounts of a container: the kernel's, its three files of /etc, devices, and what the user asked for. */
import { TsboxError } from "../errors.ts";
import type { SpecMount } from "../oci/runtime_spec.ts";
import { defaultMounts } from "./default_mounts.ts";
import { deviceMounts } from "./devices.ts";
import type { ContainerHost } from "./host.ts";
import { cleanPath, depth, isWithin } from "./paths.ts";
import type { MountRequest, RunOptions, VolumeRequest } from "./run_options.ts";

/** Files of /proc that something like lxcfs may replace; nothing else there may (CVE-2019-16884). */
const REPLACEABLE =
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo net/dev sys/kernel/ns_last_pid " +
  "sys/crypto/fips_enabled";

/**
 * Defaults first, then the rest with parents before children; what the user mounts on a default's
 * place replaces it, and a user's own /dev replaces all below it.
 * @throws TsboxError("invalid-argument") for a target inside /proc, or for what deviceMounts refuses
 */
export function allMounts(options: RunOptions, host: ContainerHost): SpecMount[] {
  const defaults = defaultMounts(options, host.ids);
  const etc = etcMounts(host, options.readOnly);
  // The usual case, and the code of the others costs every start a quarter of a millisecond.
  if (options.mounts.length === 0 && options.devices.length === 0) return defaults.concat(etc);
  const own = [...options.mounts.map(toMount), ...deviceMounts(options.devices, host.devices)];
  own.forEach(({ destination }) => refuseInsideProc(destination));
  const taken = new Set(own.map(({ destination }) => destination));
  const isFree = ({ destination }: SpecMount) =>
    !taken.has(destination) && !(taken.has("/dev") && isWithin(destination, "/dev"));
  const files = etc.filter(isFree);
  const rest = [...files, ...own].sort((a, b) => depth(a.destination) - depth(b.destination));
  return [...defaults.filter(isFree), ...rest];
}

function toMount(request: MountRequest): SpecMount {
  if (request.type === "volume") return volumeMount(request);
  return request.type === "bind" ? bindMount(request) : tmpfsMount(request);
}

function volumeMount({ name, target, readOnly, content }: VolumeRequest): SpecMount {
  const destination = cleanPath(target);
  if (content === undefined) {
    throw new TsboxError("invalid-state", `Cannot mount the volume "${name}": it is not made yet`);
  }
  const isFixed = content.kind === "directory" && content.readOnly;
  const access = readOnly || isFixed ? ["ro"] : [];
  return content.kind === "tmpfs"
    ? { destination, type: "tmpfs", source: "tmpfs", options: [...content.options, ...access] }
    : {
      destination,
      type: "bind",
      source: content.path,
      options: ["rbind", ...access, "rprivate"],
    };
}

/** Which part of a volume is mounted, by destination. */
export function volumeSubpaths(requests: readonly MountRequest[]): Record<string, string> {
  const subpaths: Record<string, string> = {};
  for (const request of requests) {
    if (request.type !== "volume" || request.subpath === undefined) continue;
    subpaths[cleanPath(request.target)] = request.subpath;
  }
  return subpaths;
}

function bindMount(request: Extract<MountRequest, { type: "bind" }>): SpecMount {
  const { source, target, readOnly, propagation = "rprivate", nonRecursive = false } = request;
  const options = [nonRecursive ? "bind" : "rbind", ...(readOnly ? ["ro"] : []), propagation];
  return { destination: cleanPath(target), type: "bind", source, options };
}

/** Docker guards a tmpfs unless told otherwise; a later word wins over an earlier one. */
function tmpfsMount(request: Extract<MountRequest, { type: "tmpfs" }>): SpecMount {
  const { target, size, mode, readOnly, options } = request;
  const words = [
    ...["nosuid", "nodev", "noexec"].filter((word) => !options.includes(word.slice(2))),
    ...(readOnly ? ["ro"] : []),
    ...(size === undefined ? [] : [`size=${size}`]),
    `mode=${(mode ?? 0o1777).toString(8)}`,
    ...options,
  ];
  return {
    destination: cleanPath(target),
    type: "tmpfs",
    source: "tmpfs",
    options: [...new Set(words)],
  };
}

function etcMounts({ etc }: ContainerHost, readOnly: boolean): SpecMount[] {
  const options = ["rbind", ...(readOnly ? ["ro"] : []), "rprivate"];
  const file = (destination: string, source: string): SpecMount => ({
    destination,
    type: "bind",
    source,
    options: [...options],
  });
  return [
    file("/etc/resolv.conf", etc.resolvConf),
    file("/etc/hostname", etc.hostname),
    file("/etc/hosts", etc.hosts),
  ];
}

function refuseInsideProc(destination: string): void {
  if (!destination.startsWith("/proc/")) return;
  if (REPLACEABLE.split(" ").includes(destination.slice("/proc/".length))) return;
  throw new TsboxError(
    "invalid-argument",
    `"${destination}" cannot be mounted because it is inside /proc`,
  );
}

/**
 * The path of a volume that an image declares, clean.
 * @throws TsboxError("invalid-argument") for a path that no volume can have
 */
export function checkImageVolume(path: string): string {
  const clean = cleanPath(path);
  if (!path.startsWith("/") || clean === "/") {
    throw new TsboxError("invalid-argument", `invalid volume of the image: "${path}"`, {
      hint: "a volume is an absolute path other than /",
    });
  }
  refuseInsideProc(clean);
  return clean;
}

/** What the root needs for mounts to travel out of it or into it; undefined is private. */
export function rootPropagation(requests: readonly MountRequest[]): string | undefined {
  let wanted: "rslave" | undefined;
  for (const request of requests) {
    const word = request.type === "bind" ? request.propagation : undefined;
    if (word === "shared" || word === "rshared") return "shared";
    if (word === "slave" || word === "rslave") wanted = "rslave";
  }
  return wanted;
}
