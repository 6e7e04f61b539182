import { UNUSED_HOST_CONFIG } from "./absent_fields.ts";
import { DEFAULT_LOG } from "../container/log_options.ts";
import type { DeviceRate, ResourceLimits } from "../container/resources.ts";
import type {
  MountRequest,
  PortMapping,
  RunOptions,
  Ulimit,
  VolumeRequest,
  VolumesFrom,
} from "../container/run_options.ts";

/** `{"80/tcp": [{HostIp, HostPort}]}`. */
export function portBindings(ports: readonly PortMapping[]) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { hostIp, hostPort, containerPort, protocol } of ports) {
    const list = bindings[`${containerPort}/${protocol}`] ??= [];
    list.push({ HostIp: hostIp, HostPort: hostPort === 0 ? "" : String(hostPort) });
  }
  return bindings;
}

/** What the user asked of the host, as `HostConfig` of Docker's API. */
export function hostConfig(options: RunOptions) {
  return {
    ...UNUSED_HOST_CONFIG,
    ...mountConfig(options.mounts),
    VolumesFrom: orNull((options.volumesFrom ?? []).map(volumesFrom)),
    ContainerIDFile: options.cidfile ?? "",
    LogConfig: logConfig(options),
    NetworkMode: options.network,
    PortBindings: portBindings(options.publish),
    RestartPolicy: {
      Name: options.restart?.name ?? "no",
      MaximumRetryCount: options.restart?.maximumRetries ?? 0,
    },
    AutoRemove: options.remove,
    CapAdd: orNull(options.capAdd),
    CapDrop: orNull(options.capDrop),
    CgroupnsMode: options.cgroupns ?? "private",
    Dns: options.dns,
    DnsOptions: options.dnsOptions,
    DnsSearch: options.dnsSearch,
    ExtraHosts: orNull(options.addHosts.map(({ name, address }) => `${name}:${address}`)),
    GroupAdd: orNull(options.groupAdd),
    IpcMode: options.ipc,
    PidMode: options.pid === "host" ? "host" : "",
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: options.readOnly,
    SecurityOpt: securityOptions(options),
    UsernsMode: options.userns,
    OomScoreAdj: options.oomScoreAdj ?? 0,
    CgroupParent: options.cgroupParent ?? "",
    ...resourceConfig(options.resources ?? {}),
    ShmSize: options.shmSize,
    ...(Object.keys(options.sysctls).length > 0 && { Sysctls: options.sysctls }),
    Runtime: "tsbox",
    Devices: options.devices.map(({ source, target, access }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: access,
    })),
    Ulimits: options.ulimits.map(ulimit),
    ...(options.init && { Init: true }),
  };
}

function logConfig({ log = DEFAULT_LOG }: RunOptions) {
  return { Type: log.driver, Config: { ...log.options } };
}

/** Limits as docker's API has them; 0 and "" are none. */
function resourceConfig(limits: ResourceLimits) {
  const { memory = 0, pidsLimit } = limits;
  const rates = (list: readonly DeviceRate[] = []) =>
    orNull(list.map(({ path, rate }) => ({ Path: path, Rate: rate })));
  return {
    CpuShares: limits.cpuShares ?? 0,
    Memory: memory,
    NanoCpus: limits.nanoCpus ?? 0,
    BlkioWeight: limits.blkioWeight ?? 0,
    BlkioDeviceReadBps: rates(limits.deviceReadBps),
    BlkioDeviceWriteBps: rates(limits.deviceWriteBps),
    BlkioDeviceReadIOps: rates(limits.deviceReadIops),
    BlkioDeviceWriteIOps: rates(limits.deviceWriteIops),
    CpuPeriod: limits.cpuPeriod ?? 0,
    CpuQuota: limits.cpuQuota ?? 0,
    CpusetCpus: limits.cpusetCpus ?? "",
    CpusetMems: limits.cpusetMems ?? "",
    MemoryReservation: limits.memoryReservation ?? 0,
    // Docker's default: as much swap as memory.
    MemorySwap: limits.memorySwap || memory * 2,
    PidsLimit: pidsLimit === undefined || pidsLimit === 0 ? null : pidsLimit,
  };
}

/** Go's way to write an empty list. */
function orNull<T>(list: readonly T[]): T[] | null {
  return list.length === 0 ? null : [...list];
}

function ulimit({ name, soft, hard }: Ulimit) {
  return { Name: name, Hard: hard, Soft: soft };
}

function securityOptions({ seccomp, noNewPrivileges }: RunOptions): string[] | null {
  const profile = seccomp.kind === "unconfined"
    ? ["seccomp=unconfined"]
    : seccomp.kind === "profile"
    ? [`seccomp=${seccomp.json}`]
    : [];
  return orNull([...profile, ...(noNewPrivileges ? ["no-new-privileges"] : [])]);
}

/** What was asked by `-v` is told apart from `--mount`: it makes a missing source. */
function mountConfig(mounts: readonly MountRequest[]) {
  const tmpfs = mounts.flatMap((m) =>
    m.type === "tmpfs" ? [[m.target, tmpfsOptions(m)] as const] : []
  );
  const others = mounts.flatMap(mountEntry);
  return {
    Binds: orNull(mounts.flatMap(bindWords)),
    ...(tmpfs.length > 0 && { Tmpfs: Object.fromEntries(tmpfs) }),
    ...(others.length > 0 && { Mounts: others }),
  };
}

/** `SOURCE:TARGET[:MODE]`, as `-v` had it. */
function bindWords(mount: MountRequest): string[] {
  const { type, target, readOnly } = mount;
  if (type === "bind" && mount.createSource) {
    return [`${mount.source}:${target}${readOnly ? ":ro" : ""}`];
  }
  if (type !== "volume" || mount.origin !== "volume" || mount.anonymous) return [];
  return [`${mount.name}:${target}${mount.mode ? `:${mount.mode}` : ""}`];
}

function mountEntry(mount: MountRequest): MountEntry[] {
  const { type, target: Target, readOnly: ReadOnly } = mount;
  if (type === "bind") {
    return mount.createSource ? [] : [{ Type: type, Source: mount.source, Target, ReadOnly }];
  }
  if (type !== "volume" || mount.origin !== "mount") return [];
  const options = volumeOptions(mount);
  return [{
    Type: type,
    Source: mount.anonymous ? "" : mount.name,
    Target,
    ReadOnly,
    ...(Object.keys(options).length > 0 && { VolumeOptions: options }),
  }];
}

/** An element of `HostConfig.Mounts`. */
interface MountEntry {
  Type: MountRequest["type"];
  Source: string;
  Target: string;
  ReadOnly: boolean;
  VolumeOptions?: ReturnType<typeof volumeOptions>;
}

function volumeOptions({ noCopy, labels, subpath, driverOptions }: VolumeRequest) {
  return {
    ...(noCopy && { NoCopy: true }),
    ...(labels && { Labels: labels }),
    ...(subpath !== undefined && { Subpath: subpath }),
    ...(driverOptions && { DriverConfig: { Name: "local", Options: driverOptions } }),
  };
}

function volumesFrom({ container, readOnly }: VolumesFrom): string {
  return readOnly ? `${container}:ro` : container;
}

function tmpfsOptions(mount: Extract<MountRequest, { type: "tmpfs" }>): string {
  return [
    ...(mount.readOnly ? ["ro"] : []),
    ...(mount.size === undefined ? [] : [`size=${mount.size}`]),
    ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
    ...mount.options,
  ].join(",");
}
