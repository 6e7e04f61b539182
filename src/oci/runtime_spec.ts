/** The part of the OCI runtime spec (config.json, version 1.2) that tsbox makes and obeys. */

export interface RuntimeSpec {
  ociVersion: string;
  hostname?: string;
  process: SpecProcess;
  root: { path: string; readonly: boolean };
  mounts: SpecMount[];
  annotations?: Record<string, string>;
  linux: SpecLinux;
}

export interface SpecProcess {
  terminal: boolean;
  cwd: string;
  args: string[];
  env: string[];
  user: { uid: number; gid: number; additionalGids: number[]; umask?: number };
  capabilities: SpecCapabilities;
  rlimits: { type: string; soft: number; hard: number }[];
  noNewPrivileges: boolean;
  oomScoreAdj?: number;
}

/** Names as `CAP_CHOWN`. */
export interface SpecCapabilities {
  bounding: string[];
  effective: string[];
  permitted: string[];
  inheritable: string[];
  ambient: string[];
}

export interface SpecMount {
  destination: string;
  type: string;
  source: string;
  /** mount(8) words: `nosuid`, `rbind`, `ro`, ... and file system data such as `mode=755`. */
  options: string[];
}

export type NamespaceType = "user" | "mount" | "pid" | "ipc" | "uts" | "network" | "cgroup";

export interface SpecLinux {
  /** A type that is missing is shared with the caller; a path is joined. */
  namespaces: { type: NamespaceType; path?: string }[];
  uidMappings: SpecIdMapping[];
  gidMappings: SpecIdMapping[];
  devices: SpecDevice[];
  sysctl: Record<string, string>;
  maskedPaths: string[];
  readonlyPaths: string[];
  rootfsPropagation?: string;
  seccomp?: SpecSeccomp;
  resources?: Record<string, never>;
}

export interface SpecIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/** Rootless devices are bind mounts of the host's node at `path`. */
export interface SpecDevice {
  path: string;
  type: "c" | "b" | "p" | "u";
  major: number;
  minor: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface SpecSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures: string[];
  flags?: string[];
  syscalls: SpecSyscall[];
}

export interface SpecSyscall {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
}
