/** Whether resources can be limited: a cgroup v2 subtree that is ours, with controllers. */
import { accessSync, constants, readFileSync } from "node:fs";
import { type Finding, fine } from "./finding.ts";

/** What the host says. */
export interface CgroupFacts {
  /** Whether /sys/fs/cgroup is the unified hierarchy. */
  unified: boolean;
  /** Whether we may make cgroups below our own. */
  writable: boolean;
  /** Controllers we could give to those. */
  controllers: readonly string[];
}

const NAME = "cgroups";
const WANTED = ["cpu", "memory", "pids"] as const;
const LOST = "memory, cpu and process limits";
const DELEGATE = "sudo mkdir -p /etc/systemd/system/user@.service.d && printf " +
  "'[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee " +
  "/etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload, then log in again";

/** Judges the facts. */
export function judgeCgroups({ unified, writable, controllers }: CgroupFacts): Finding {
  const limited = (detail: string, fix: string): Finding => (
    { name: NAME, status: "limited", detail, lost: LOST, fix }
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
  const missing = WANTED.filter((name) => !controllers.includes(name));
  if (missing.length > 0) {
    return limited(`controllers not delegated: ${missing.join(", ")}`, DELEGATE);
  }
  return fine(NAME, `delegated: ${controllers.join(", ")}`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The closest ancestor-or-self of our cgroup that is ours: systemd delegates user@UID.service. */
function ownSubtree(path: string): string | undefined {
  const folders = path.split("/").filter(Boolean);
  const candidates = folders.map((_, i) => `/sys/fs/cgroup/${folders.slice(0, i + 1).join("/")}`);
  return candidates.find((folder) => isWritable(folder) && isWritable(`${folder}/cgroup.procs`));
}

/** Reads /proc/self/cgroup and the hierarchy. */
export function readCgroupFacts(): CgroupFacts {
  const unified = textOf("/sys/fs/cgroup/cgroup.controllers") !== "";
  const path = /^0::(\/.*)$/m.exec(textOf("/proc/self/cgroup"))?.[1] ?? "";
  const subtree = unified ? ownSubtree(path) : undefined;
  const controllers = textOf(`${subtree}/cgroup.controllers`).trim().split(/\s+/).filter(Boolean);
  return { unified, writable: subtree !== undefined, controllers };
}
