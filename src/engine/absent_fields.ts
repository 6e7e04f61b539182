/**
 * Fields of docker's inspection that tsbox has nothing to say of, with Go's zero values: programs and templates ask
 * for them without looking whether they are there.
 */

/** Of `HostConfig`. */
export const UNUSED_HOST_CONFIG = {
  VolumeDriver: "",
  ConsoleSize: [0, 0],
  Cgroup: "",
  Links: null,
  UTSMode: "",
  Isolation: "",
  BlkioWeightDevice: [],
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemorySwappiness: null,
  OomKillDisable: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
} as const;

/** What both `NetworkSettings` and each of its networks have. No address: nobody else can reach that of a container. */
const NO_ADDRESS = {
  EndpointID: "",
  Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  MacAddress: "",
} as const;

/** Of `NetworkSettings`. */
export const UNUSED_NETWORK_SETTINGS = {
  ...NO_ADDRESS,
  Bridge: "",
  SandboxID: "",
  SandboxKey: "",
  HairpinMode: false,
  LinkLocalIPv6Address: "",
  LinkLocalIPv6PrefixLen: 0,
  SecondaryIPAddresses: null,
  SecondaryIPv6Addresses: null,
} as const;

/** A network of a container. */
export const UNUSED_NETWORK = {
  ...NO_ADDRESS,
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: "",
  DNSNames: null,
} as const;
