/** From what the user asked, what the image says and what this host is, to an OCI runtime spec. */
import type { NamespaceType, RuntimeSpec, SpecLinux } from "../oci/runtime_spec.ts";
import { toAnnotations } from "./annotations.ts";
import { capabilitySets, chooseCapabilities } from "./capabilities.ts";
import { commandLine, environment, workingDirectory } from "./command.ts";
import { defaultDevices } from "./devices.ts";
import type { ContainerHost, ImageDefaults } from "./host.ts";
import { allMounts, rootPropagation, volumeSubpaths } from "./mounts.ts";
import { maskedPaths, READ_ONLY_PATHS } from "./protected_paths.ts";
import type { RunOptions, Ulimit } from "./run_options.ts";
import { parseSignal } from "./signals.ts";

const OCI_VERSION = "1.2.0";
/** File mode mask of every process of a container. */
export const UMASK = 0o22;

/**
 * The spec of a container, with docker's defaults. Pure. The user is still root: who `-u` means only
 * the image's passwd tells, see with_user.ts.
 * @throws TsboxError("invalid-argument"|"not-found"|"unsupported") for options that cannot be met
 */
export function makeSpec(
  options: RunOptions,
  image: ImageDefaults,
  host: ContainerHost,
): RuntimeSpec {
  const hostname = containerHostname(options, host);
  const mounts = allMounts(options, host);
  const stopSignal = options.stopSignal ?? image.stopSignal ?? "";
  if (stopSignal !== "") parseSignal(stopSignal);
  return {
    ociVersion: OCI_VERSION,
    hostname,
    process: {
      terminal: options.tty,
      cwd: workingDirectory(options, image),
      args: commandLine(options, image),
      env: environment(options, image.env, hostname),
      user: { uid: 0, gid: 0, additionalGids: [], umask: UMASK },
      capabilities: capabilitySets(chooseCapabilities(options.capAdd, options.capDrop), 0),
      rlimits: options.ulimits.length === 0 ? [] : options.ulimits.map(toRlimit),
      noNewPrivileges: options.noNewPrivileges,
      ...(options.oomScoreAdj === undefined ? {} : { oomScoreAdj: options.oomScoreAdj }),
    },
    root: { path: host.rootfs, readonly: options.readOnly },
    mounts,
    annotations: toAnnotations({
      init: options.init,
      user: options.user || image.user,
      groups: options.groupAdd,
      subpaths: volumeSubpaths(options.mounts),
      stopSignal,
      seccomp: options.seccomp.kind,
    }),
    linux: linuxPart(options, host),
  };
}

function linuxPart(options: RunOptions, host: ContainerHost): SpecLinux {
  const propagation = rootPropagation(options.mounts);
  const namespaces: SpecLinux["namespaces"] = [];
  for (const type of namespaceTypes(options)) namespaces.push({ type });
  return {
    namespaces,
    uidMappings: host.ids.uids,
    gidMappings: host.ids.gids,
    devices: defaultDevices(),
    sysctl: { ...defaultSysctls(options), ...options.sysctls },
    maskedPaths: maskedPaths(host.thermalThrottle),
    readonlyPaths: [...READ_ONLY_PATHS],
    ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
    ...(host.seccomp === undefined ? {} : { seccomp: host.seccomp }),
  };
}

/** Docker's: the start of the id, or with the host's network the host's own name. */
export function containerHostname(
  options: Pick<RunOptions, "hostname" | "network">,
  host: Pick<ContainerHost, "id" | "hostname">,
): string {
  return options.hostname ?? (options.network === "host" ? host.hostname : host.id.slice(0, 12));
}

/** The namespaces a container has of its own. */
export function namespaceTypes({ pid, ipc, network, cgroupns }: RunOptions): NamespaceType[] {
  return [
    "user",
    "mount",
    "uts",
    ...(pid === "host" ? [] : ["pid" as const]),
    ...(ipc === "host" ? [] : ["ipc" as const]),
    ...(network === "host" ? [] : ["network" as const]),
    ...(cgroupns === "host" ? [] : ["cgroup" as const]),
  ];
}

/** In a network of its own a container may listen on any port, as with docker. */
function defaultSysctls({ network }: RunOptions): Record<string, string> {
  return network === "host" ? {} : { "net.ipv4.ip_unprivileged_port_start": "0" };
}

/** -1 stays for unlimited: RLIM_INFINITY does not fit a JSON number of JavaScript. */
export function toRlimit(
  { name, soft, hard }: Ulimit,
): { type: string; soft: number; hard: number } {
  return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}

/** The labels of a container: the image's, then the user's. */
export function containerLabels(
  options: Pick<RunOptions, "labels">,
  image: Pick<ImageDefaults, "labels">,
): Record<string, string> {
  return { ...image.labels, ...options.labels };
}
