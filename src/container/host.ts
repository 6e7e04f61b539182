/** What a container's spec takes from elsewhere: the image's configuration and facts of this host. */
import type { SpecIdMapping, SpecSeccomp } from "../oci/runtime_spec.ts";

/** The part of an OCI image configuration that a container starts from; absent is not said. */
export interface ImageDefaults {
  entrypoint?: readonly string[];
  cmd?: readonly string[];
  /** `K=V` */
  env: readonly string[];
  /** Empty is `/`. */
  workdir: string;
  /** As of `-u`; empty is root. */
  user: string;
  volumes: readonly string[];
  exposedPorts: readonly string[];
  stopSignal?: string;
  labels: Readonly<Record<string, string>>;
}

/** An image that says nothing: what `--rootfs` starts from. */
export const NO_IMAGE: ImageDefaults = {
  env: [],
  workdir: "",
  user: "",
  volumes: [],
  exposedPorts: [],
  labels: {},
};

/** What a path of the host is, for `--device`. */
export type HostNode = "device" | "directory" | "other";

/** Ids of the container's user namespace. */
export interface ContainerIds {
  /** `single`: only the caller's id exists inside, as root; setgroups(2) is switched off. */
  kind: "full" | "single";
  uids: SpecIdMapping[];
  gids: SpecIdMapping[];
}

/** Facts of this host and of this container's place on it. */
export interface ContainerHost {
  /** The full container id. */
  id: string;
  /** The host's own name, which `--network host` keeps. */
  hostname: string;
  ids: ContainerIds;
  /** The root filesystem's place, for `root.path`. */
  rootfs: string;
  /** Absolute paths of the files made by etc_files.ts. */
  etc: { hosts: string; hostname: string; resolvConf: string };
  /** What each `--device` source is; one that does not exist is absent. */
  devices: Readonly<Record<string, HostNode>>;
  /** Those of `/sys/devices/system/cpu/cpuN/thermal_throttle` that exist; docker masks them. */
  thermalThrottle: readonly string[];
  /** The profile of `--security-opt seccomp=FILE`, as rootless/seccomp/profile.ts loaded it. */
  seccomp?: SpecSeccomp;
}
