import type { MountRequest, PortMapping, RunOptions, Ulimit } from "../container/run_options.ts";

/** `{"80/tcp": [{HostIp, HostPort}]}`. */
export function portBindings(ports: readonly PortMapping[]) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { hostIp, hostPort, containerPort, protocol } of ports) {
    const list = bindings[`${containerPort}/${protocol}`] ??= [];
    list.push({ HostIp: hostIp, HostPort: hostPort === 0 ? "" : String(hostPort) });
  }
  return bindings;
}

/** What the user asked of the host, as `HostConfig` of Docker's API: what tsbox has no word for is left out. */
export function hostConfig(options: RunOptions) {
  return {
    ...mountConfig(options.mounts),
    ContainerIDFile: options.cidfile ?? "",
    NetworkMode: options.network,
    PortBindings: portBindings(options.publish),
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: options.remove,
    CapAdd: orNull(options.capAdd),
    CapDrop: orNull(options.capDrop),
    CgroupnsMode: "private",
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

/** `-v` makes a missing source, `--mount` does not: that tells them apart. */
function mountConfig(mounts: readonly MountRequest[]) {
  const binds = mounts.flatMap((m) =>
    m.type === "bind" && m.createSource ? [`${m.source}:${m.target}${m.readOnly ? ":ro" : ""}`] : []
  );
  const others = mounts.filter((m) => m.type === "bind" && !m.createSource);
  const tmpfs = mounts.flatMap((m) =>
    m.type === "tmpfs" ? [[m.target, tmpfsOptions(m)] as const] : []
  );
  return {
    Binds: orNull(binds),
    ...(tmpfs.length > 0 && { Tmpfs: Object.fromEntries(tmpfs) }),
    ...(others.length > 0 && {
      Mounts: others.map((m) => ({
        Type: m.type,
        Source: m.type === "bind" ? m.source : "",
        Target: m.target,
        ReadOnly: m.readOnly,
      })),
    }),
  };
}

function tmpfsOptions(mount: Extract<MountRequest, { type: "tmpfs" }>): string {
  return [
    ...(mount.readOnly ? ["ro"] : []),
    ...(mount.size === undefined ? [] : [`size=${mount.size}`]),
    ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
    ...mount.options,
  ].join(",");
}
