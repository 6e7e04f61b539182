import { TsboxError } from "../../errors.ts";
import { splitPair } from "./environment.ts";

/** Those of the IPC namespace; `net.` belongs to the network's and `fs.mqueue.` to IPC again. */
const IPC = "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax " +
  "kernel.shmmni kernel.shm_rmid_forced";

/** The namespaces a container shares with the host. */
export interface Shared {
  network: boolean;
  ipc: boolean;
}

/** `--sysctl name=value`: only what a namespace of the container's own holds may be set. */
export function parseSysctls(
  specs: readonly string[],
  shared: Shared,
  refuse: (value: string, reason: string) => Error,
): Record<string, string> {
  const sysctls: Record<string, string> = {};
  for (const spec of specs) {
    const [name, value] = splitPair(spec);
    const kind = namespaceOf(name);
    if (value === undefined || kind === undefined) {
      throw refuse(spec, `sysctl '${spec}' is not allowed`);
    }
    if (shared[kind]) {
      throw new TsboxError(
        "conflict",
        `sysctl "${name}" not allowed in host ${kind === "ipc" ? "IPC" : kind} namespace`,
      );
    }
    sysctls[name] = value;
  }
  return sysctls;
}

function namespaceOf(name: string): keyof Shared | undefined {
  // A name becomes a path below /proc/sys: nothing may climb out of it.
  if (!/^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)+$/.test(name)) return undefined;
  if (name.startsWith("net.")) return "network";
  if (name.startsWith("fs.mqueue.") || IPC.split(" ").includes(name)) return "ipc";
  return undefined;
}
