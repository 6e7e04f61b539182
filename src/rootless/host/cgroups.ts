/** Whether resources can be limited: a cgroup v2 subtree that is ours, with controllers. */
import { readFileSync } from "node:fs";
import { isOurs } from "../cgroup/hierarchy.ts";
import { sessionBusPath } from "../cgroup/session_bus_path.ts";
import { type Finding, fine } from "./finding.ts";
import { DELEGATE_FIX } from "./fixes.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const ROOT = "/sys/fs/cgroup";

/** What the host says. */
export interface CgroupFacts {
  /** Whether /sys/fs/cgroup is the unified hierarchy. */
  unified: boolean;
  /** Whether there is a group below which we may make others. */
  writable: boolean;
  /** Controllers we could give to those. */
  controllers: readonly string[];
}

const NAME = "cgroups";
/** What needs which controller. */
const USES = {
  cpu: "--cpus and --cpu-*",
  cpuset: "--cpuset-*",
  io: "--blkio-weight and --device-*",
  memory: "--memory*",
  pids: "--pids-limit",
} as const;
const ALL = Object.values(USES).join(", ");

/** Judges the facts. */
export function judgeCgroups({ unified, writable, controllers }: CgroupFacts): Finding {
  const limited = (detail: string, fix: string, lost = ALL): Finding => (
    { name: NAME, status: "limited", detail, lost, fix }
  );
  if (!unified) {
    const fix = "boot with the kernel parameter systemd.unified_cgroup_hierarchy=1";
    return limited("version 1 or a mix is mounted, version 2 is needed", fix);
  }
  if (!writable) {
    const fix = "log in by ssh or a console, so that systemd starts a user session " +
      "(sudo apt install dbus-user-session), or use 'systemd-run --user --scope tsbox ...'";
    return limited("our cgroup is not delegated to us", fix);
  }
  const missing = Object.entries(USES).filter(([name]) => !controllers.includes(name));
  if (missing.length === 0) return fine(NAME, `delegated: ${controllers.join(", ")}`);
  const names = missing.map(([name]) => name).join(", ");
  const lost = missing.map(([, use]) => use).join(", ");
  return limited(`controllers not delegated: ${names}`, DELEGATE_FIX, lost);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The closest ancestor-or-self of our cgroup that is ours. */
function ownSubtree(path: string): string | undefined {
  const folders = path.split("/").filter(Boolean);
  const candidates = folders.map((_, i) => `${ROOT}/${folders.slice(0, i + 1).join("/")}`);
  return candidates.find(isOurs);
}

/** Where systemd puts what is asked of it by the session bus, whatever log-in we are in ourselves. */
function managersSubtree(uid: number, env: Environment): string | undefined {
  const path = `${ROOT}/user.slice/user-${uid}.slice/user@${uid}.service`;
  return sessionBusPath(env) !== undefined && isOurs(path) ? path : undefined;
}

/** Reads /proc/self/cgroup and the hierarchy. */
export function readCgroupFacts(uid: number, env: Environment): CgroupFacts {
  const unified = textOf(`${ROOT}/cgroup.controllers`) !== "";
  const path = /^0::(\/.*)$/m.exec(textOf("/proc/self/cgroup"))?.[1] ?? "";
  const subtree = unified ? managersSubtree(uid, env) ?? ownSubtree(path) : undefined;
  const controllers = textOf(`${subtree}/cgroup.controllers`).trim().split(/\s+/).filter(Boolean);
  return { unified, writable: subtree !== undefined, controllers };
}
