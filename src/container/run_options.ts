/** What the user asked of `run`, parsed and checked, before any image or host is looked at. */
import type { Healthcheck } from "../oci/healthcheck.ts";
import type { LogChoice } from "./log_options.ts";
import type { ResourceLimits } from "./resources.ts";
import type { RestartPolicy } from "./restart_policy.ts";

/** What a volume is when it is mounted. */
export type VolumeContent =
  /** A directory of the host, absolute. */
  | { kind: "directory"; path: string; readOnly: boolean }
  /** Memory, with the words of `mount -o`. */
  | { kind: "tmpfs"; options: string[] };

/** A volume of the store. */
export interface VolumeRequest {
  type: "volume";
  /** Empty until the container is made when nobody gave it one. */
  name: string;
  target: string;
  readOnly: boolean;
  /** What the image has at `target` is not copied into it. */
  noCopy: boolean;
  /** Nobody named it: it goes with its container when that is removed together with its volumes. */
  anonymous: boolean;
  /** Whose idea it was: `-v`, `--mount`, the image's, that of the container of `--volumes-from`. */
  origin: "volume" | "mount" | "image" | "from";
  /** The words after the second colon of `-v`. */
  mode?: string;
  /** What is mounted of it: relative, without `..`. */
  subpath?: string;
  /** Of a volume that has to be made, as its driver's options are. */
  labels?: Record<string, string>;
  driverOptions?: Record<string, string>;
  /** Known once the container is made. */
  content?: VolumeContent;
}

/** A mount the user asked for. Paths are absolute; the cli made them so. */
export type MountRequest =
  | VolumeRequest
  | {
    type: "bind";
    source: string;
    target: string;
    readOnly: boolean;
    /** `-v` makes a missing source directory, `--mount` refuses it (docker's rule). */
    createSource: boolean;
    propagation?: "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared";
    /** Only the source mount itself, not those below it. */
    nonRecursive?: boolean;
  }
  | {
    type: "tmpfs";
    target: string;
    /** Bytes; undefined is the kernel's default. */
    size?: number;
    /** Permission bits; default 0o1777. */
    mode?: number;
    readOnly: boolean;
    /** Further comma separated options as of `--tmpfs /p:noexec,...`, checked. */
    options: string[];
  };

/** `--volumes-from CONTAINER[:ro]`. */
export interface VolumesFrom {
  container: string;
  readOnly: boolean;
}

/** `-p [hostIp:]hostPort:containerPort[/proto]`; ranges are already expanded. */
export interface PortMapping {
  hostIp: string;
  /** 0 lets the kernel choose. */
  hostPort: number;
  containerPort: number;
  protocol: "tcp" | "udp";
}

/** `--ulimit name=soft:hard`; -1 is unlimited. */
export interface Ulimit {
  name: string;
  soft: number;
  hard: number;
}

/** `--device host[:container][:rwm]`. */
export interface DeviceRequest {
  source: string;
  target: string;
  access: string;
}

/** `--security-opt seccomp=...`. */
export type SeccompChoice =
  | { kind: "default" }
  | { kind: "unconfined" }
  | { kind: "profile"; path: string; json: string };

/** Everything `run` can be told. Docker's defaults are filled in by the parser. */
export interface RunOptions {
  /** Image reference as typed; empty with `--rootfs`. */
  image: string;
  /** Arguments after the image. */
  command: string[];
  name?: string;
  interactive: boolean;
  tty: boolean;
  remove: boolean;
  /** `K=V`, in order, env files first; a bare `K` was resolved from the caller's environment. */
  env: string[];
  /** `K` names to remove, from `-e K` with K unset: docker removes the image's value. */
  unsetEnv: string[];
  user?: string;
  workdir?: string;
  /** `""` clears the image's entrypoint. */
  entrypoint?: string;
  hostname?: string;
  mounts: MountRequest[];
  /** Containers whose mounts are taken over where `mounts` has none. */
  volumesFrom?: VolumesFrom[];
  readOnly: boolean;
  network: "none" | "host" | "private";
  publish: PortMapping[];
  /** Ports that it listens on, `80/tcp`. */
  expose?: string[];
  capAdd: string[];
  capDrop: string[];
  seccomp: SeccompChoice;
  noNewPrivileges: boolean;
  init: boolean;
  ulimits: Ulimit[];
  /** Bytes; docker's default 64 MiB. */
  shmSize: number;
  pull: "always" | "missing" | "never";
  quiet: boolean;
  platform?: string;
  cidfile?: string;
  labels: Record<string, string>;
  stopSignal?: string;
  /** Seconds between the stop signal and SIGKILL; -1 waits for ever, default 10. */
  stopTimeout?: number;
  /** What of the image's check is to be otherwise. */
  healthcheck?: Healthcheck;
  /** In the background, by a monitor of its own. */
  detach: boolean;
  /** Undefined: none was asked for. */
  resources?: ResourceLimits;
  /** How much sooner than others it is killed when memory runs out, -1000 to 1000. */
  oomScoreAdj?: number;
  /** A slice of the user's systemd; without one, a path in the hierarchy of control groups. */
  cgroupParent?: string;
  /** Default "private": its own control group is the top of what it sees. */
  cgroupns?: "private" | "host";
  /** Default "no". */
  restart?: RestartPolicy;
  /** Where its output is kept; default: the driver `local`. */
  log?: LogChoice;
  /** In place of ctrl-p,ctrl-q. */
  detachKeys?: string;
  /** `host`: the caller's ids only appear as themselves is not possible rootless; `single`: one id. */
  userns: "auto" | "single";
  pid: "private" | "host";
  ipc: "private" | "host";
  dns: string[];
  dnsSearch: string[];
  dnsOptions: string[];
  addHosts: { name: string; address: string }[];
  devices: DeviceRequest[];
  groupAdd: string[];
  sysctls: Record<string, string>;
  /** An unpacked root filesystem used in place of an image. */
  rootfs?: string;
  /** Print the syscall program instead of running it. */
  debugPlan: boolean;
  /** Forward signals to the container (docker's --sig-proxy). */
  sigProxy: boolean;
}
