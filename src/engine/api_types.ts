/**
 * What the engine answers, in the shapes of Docker's API (v1.48): the command line prints these
 * objects, and an API would send the same. Names with capitals are Docker's.
 */

/** An element of `GET /images/json`. */
export interface ImageSummary {
  Id: string;
  ParentId: string;
  /** `alpine:latest`. */
  RepoTags: string[];
  /** `alpine@sha256:...`. */
  RepoDigests: string[];
  /** Seconds since the epoch. */
  Created: number;
  /** Bytes. */
  Size: number;
  SharedSize: number;
  Labels: Record<string, string>;
  /** How many containers use it. */
  Containers: number;
}

/** A port of a container; without `PublicPort` it is exposed only. */
export interface PortSummary {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

/** `running` and the others are Docker's words. */
export type StatusWord = "created" | "running" | "paused" | "restarting" | "exited";

/** An element of `GET /containers/json`. */
export interface ContainerSummary {
  Id: string;
  /** With a slash in front. */
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  /** Seconds since the epoch. */
  Created: number;
  Ports: PortSummary[];
  Labels: Record<string, string>;
  State: StatusWord;
  /** `Up 5 minutes`. */
  Status: string;
  HostConfig: { NetworkMode: string };
  /** Bytes it wrote, and with its image; only when asked for. */
  SizeRw?: number;
  SizeRootFs?: number;
  Mounts: MountPoint[];
}

/** A mount as `inspect` lists it. */
export interface MountPoint {
  Type: "bind" | "tmpfs" | "volume";
  /** Of a volume, as its driver. */
  Name?: string;
  Source: string;
  Destination: string;
  Driver?: string;
  Mode: string;
  RW: boolean;
  Propagation: string;
}

/** `GET /volumes/{name}`. */
export interface VolumeInfo {
  /** RFC 3339. */
  CreatedAt: string;
  Driver: "local";
  Labels: Record<string, string> | null;
  /** Absolute path on the host. */
  Mountpoint: string;
  Name: string;
  Options: Record<string, string> | null;
  Scope: "local";
}

/** `POST /volumes/prune`. */
export interface VolumesPruned {
  VolumesDeleted: string[];
  /** Bytes. */
  SpaceReclaimed: number;
}

/** `GET /version`, as `docker version --format json` nests it. */
export interface VersionInfo {
  Client: ComponentVersion;
  Server: ComponentVersion;
}

/** One half of `version`; tsbox is both in one process. */
export interface ComponentVersion {
  Version: string;
  /** Of Docker's API, as the service answers it. */
  APIVersion: string;
  GitCommit: string;
  BunVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
}

/** `GET /info`, as far as there is something to say. */
export interface SystemInfo {
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  /** How root file systems are made: the driver that is asked for, else the best that works. */
  Driver: string;
  DriverStatus: [string, string][];
  /** Who makes control groups for us: `systemd`, else `cgroupfs`. */
  CgroupDriver: string;
  CgroupVersion: string;
  /** Of containers that choose none. */
  LoggingDriver: string;
  /** Docker's word for a machine that is in no swarm. */
  Swarm: { LocalNodeState: "inactive" };
  KernelVersion: string;
  OperatingSystem: string;
  OSType: string;
  Architecture: string;
  NCPU: number;
  /** Bytes. */
  MemTotal: number;
  DockerRootDir: string;
  Name: string;
  ServerVersion: string;
  SecurityOptions: string[];
  RegistryConfig: RegistryInfo;
  /** Ours, by key. */
  Settings: Record<string, SettingInfo>;
  Warnings: string[];
}

/** How registries are spoken to. */
export interface RegistryInfo {
  InsecureRegistryCIDRs: string[];
  /** By registry: docker.io, and those that something was set for. */
  IndexConfigs: Record<
    string,
    { Name: string; Mirrors: string[]; Secure: boolean; Official: boolean }
  >;
  Mirrors: string[];
}

/** A setting in force. */
export interface SettingInfo {
  Value: unknown;
  /** A flag, a variable, a file, or `default`. */
  Origin: string;
}
