/** `info`: this machine, this user and this store. */
import { existsSync, readFileSync } from "node:fs";
import { messageOf } from "../errors.ts";
import { closeFile } from "../ffi/quick_files.ts";
import { hostPlatform } from "../oci/platform.ts";
import { sessionBusPath } from "../rootless/cgroup/session_bus_path.ts";
import { chooseDriver } from "../rootless/drivers/choose_driver.ts";
import { type OwnIdMap, ownIdMap } from "../rootless/subids.ts";
import { openUserNamespace } from "../rootless/user_namespace.ts";
import { isAbandoned, listContainers } from "../storage/containers.ts";
import { listEntries } from "../storage/image_index.ts";
import { openStore } from "../storage/layout.ts";
import type { SystemInfo } from "./api_types.ts";
import type { EngineContext } from "./context.ts";
import { settingOf } from "./settings/table.ts";
import { statusWord } from "./status_word.ts";
import { ensureRuntimeDir } from "./runtime_dir.ts";
import { kernelRelease } from "./kernel_release.ts";
import { registryInfo, settingsInfo } from "./settings_info.ts";

/** Asks the host; what it does not allow is told as a warning, not thrown. */
export function systemInfo(context: EngineContext): SystemInfo {
  const states = listContainers(context.dataRoot).filter((c) => !isAbandoned(c))
    .map(({ record }) => statusWord(record.state));
  const inState = (word: string) => states.filter((state) => state === word).length;
  const [running, paused] = [inState("running"), inState("paused")];
  const { uid, gid, env } = context;
  const map = ownIdMap({ uid, gid, name: env["USER"], mode: "auto" });
  const { driver, warnings } = driverInUse(context, map);
  return {
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.length - running - paused,
    Images: listEntries(context.dataRoot).length,
    Driver: driver,
    DriverStatus: [["User ids", idCount(map)]],
    CgroupDriver: sessionBusPath(env) === undefined ? "cgroupfs" : "systemd",
    LoggingDriver: settingOf(context.settings, "log-driver"),
    Swarm: { LocalNodeState: "inactive" },
    CgroupVersion: existsSync("/sys/fs/cgroup/cgroup.controllers") ? "2" : "1",
    KernelVersion: kernelRelease(),
    OperatingSystem: operatingSystem(),
    OSType: "linux",
    Architecture: hostPlatform().architecture === "arm64" ? "aarch64" : "x86_64",
    NCPU: navigator.hardwareConcurrency,
    MemTotal: totalMemory(),
    DockerRootDir: context.dataRoot,
    Name: readFileSync("/proc/sys/kernel/hostname", "utf8").trim(),
    ServerVersion: context.build.version,
    SecurityOptions: ["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"],
    RegistryConfig: registryInfo(context.settings),
    Settings: settingsInfo(context),
    Warnings: [...warnings, ...(map.reason ? [messageOf(map.reason)] : [])],
  };
}

function idCount({ uids }: OwnIdMap): string {
  return String(uids.reduce((sum, range) => sum + range.size, 0));
}

/** The driver `run` would take: found as `run` finds it, by trying. */
function driverInUse(
  context: EngineContext,
  map: OwnIdMap,
): { driver: string; warnings: string[] } {
  const { dataRoot, runtimeDir, storageDriver } = context;
  try {
    const { tmp } = openStore(dataRoot);
    ensureRuntimeDir(runtimeDir, context.uid);
    const userns = openUserNamespace(map, runtimeDir);
    const wanted = storageDriver === undefined ? {} : { wanted: storageDriver };
    try {
      return {
        driver: chooseDriver({ userns, directory: tmp, runtimeDir, ...wanted }).name,
        warnings: [],
      };
    } finally {
      // A service asks again and again.
      closeFile(userns.fd);
    }
  } catch (thrown) {
    return { driver: "", warnings: [messageOf(thrown)] };
  }
}

function operatingSystem(): string {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(text)?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}

function totalMemory(): number {
  const kilobytes = /^MemTotal:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}
