/** The kernel's file systems every container gets, as docker mounts them. */
import type { SpecMount } from "../oci/runtime_spec.ts";
import type { ContainerIds } from "./host.ts";
import type { RunOptions } from "./run_options.ts";

/** The tty group of every distribution; devpts gives terminals to it. */
const TTY_GID = 5;
const GUARDED = ["nosuid", "noexec", "nodev"];

/** In the order they are made: parents first. */
export function defaultMounts(
  options: Pick<RunOptions, "network" | "pid" | "ipc" | "shmSize" | "cgroupns">,
  ids: ContainerIds,
): SpecMount[] {
  const tty = isMapped(ids, TTY_GID) ? [`gid=${TTY_GID}`] : [];
  return [
    procMount(options.pid),
    mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("/dev/pts", "devpts", "devpts", [
      ...["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
      ...tty,
    ]),
    sysMount(options.network),
    ...cgroupMount(options),
    ...ipcMounts(options),
  ];
}

/** Where every container has something of ours or of the kernel's. */
export function defaultDestinations(): ReadonlySet<string> {
  return new Set([
    ...["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"],
    ...["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"],
  ]);
}

// proc, sysfs and mqueue can be mounted only by the owner of the namespace they show; where that
// namespace is the host's, the host's own mount is bound instead.

function procMount(pid: RunOptions["pid"]): SpecMount {
  return pid === "host"
    ? mount("/proc", "bind", "/proc", ["rbind", ...GUARDED, "rprivate"])
    : mount("/proc", "proc", "proc", GUARDED);
}

function sysMount(network: RunOptions["network"]): SpecMount {
  return network === "host"
    ? mount("/sys", "bind", "/sys", ["rbind", ...GUARDED, "ro", "rprivate"])
    : mount("/sys", "sysfs", "sysfs", [...GUARDED, "ro"]);
}

/** With the host's network it is there already, as the host's /sys is. */
function cgroupMount({ cgroupns, network }: Pick<RunOptions, "cgroupns" | "network">): SpecMount[] {
  const path = "/sys/fs/cgroup";
  if (cgroupns !== "host") return [mount(path, "cgroup", "cgroup", ["ro", ...GUARDED])];
  if (network === "host") return [];
  return [mount(path, "bind", path, ["rbind", ...GUARDED, "ro", "rprivate"])];
}

function ipcMounts({ ipc, shmSize }: Pick<RunOptions, "ipc" | "shmSize">): SpecMount[] {
  if (ipc === "host") {
    return ["/dev/mqueue", "/dev/shm"].map((path) =>
      mount(path, "bind", path, ["rbind", ...GUARDED, "rprivate"])
    );
  }
  return [
    mount("/dev/mqueue", "mqueue", "mqueue", GUARDED),
    mount("/dev/shm", "tmpfs", "shm", [...GUARDED, "mode=1777", `size=${shmSize}`]),
  ];
}

function mount(
  destination: string,
  type: string,
  source: string,
  options: readonly string[],
): SpecMount {
  return { destination, type, source, options: [...options] };
}

function isMapped(ids: ContainerIds, gid: number): boolean {
  for (const m of ids.gids) if (gid >= m.containerID && gid < m.containerID + m.size) return true;
  return false;
}
