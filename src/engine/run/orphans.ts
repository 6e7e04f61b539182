/**
 * What a container with the host's process ids leaves behind: no namespace ends with its first process, so
 * its other processes become ours, and we end them.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { PR, SIGKILL } from "../../ffi/constants.ts";
import { raw, sys } from "../../ffi/libc.ts";
import { sendSignal } from "../../ffi/process.ts";

/** From now on processes below us whose parents have ended are our children. */
export function adoptOrphans(): void {
  sys("adopt orphans", "prctl", PR.SET_CHILD_SUBREAPER, 1);
}

/** What the processes of a container have in common: the name of their mount namespace. */
export function mountNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** Kills our children in the mount namespace, and theirs, until there is none. */
export function killOrphans(namespace: string): void {
  for (;;) {
    const orphans = children().filter((pid) => mountNamespace(pid) === namespace);
    if (orphans.length === 0) return;
    for (const pid of orphans) {
      sendSignal(pid, SIGKILL);
      if (raw("wait4", pid, 0, 0, 0) < 0) return;
    }
  }
}

/** Pids of our living children. */
function children(): number[] {
  const own = String(process.pid);
  return readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).flatMap((name) => {
    const [state, parent] = statusOf(name);
    return parent === own && state !== "Z" ? [Number(name)] : [];
  });
}

/** State and parent of a process, from /proc/PID/stat; the name in brackets may contain anything. */
function statusOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
