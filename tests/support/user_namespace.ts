/** The unprivileged user's own user namespace, and scripts run as root of it. */
import { closeSync, readFileSync } from "node:fs";
import { fullMap, type IdMap, type IdRange } from "../../src/rootless/id_map.ts";
import { openUserNamespace, type UserNamespace } from "../../src/rootless/user_namespace.ts";
import { startWorker } from "../../src/rootless/worker.ts";

function ranges(path: string, name: string): IdRange[] {
  const lines = readFileSync(path, "utf8").split("\n").map((line) => line.split(":"));
  return lines.filter(([owner]) => owner === name)
    .map(([, start, count]) => ({ start: Number(start), count: Number(count) }));
}

/** The caller's ids as `tsbox run` maps them. */
export function testIdMap(): IdMap {
  const name = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
  return {
    kind: "full",
    uids: fullMap(process.getuid?.() ?? 0, ranges("/etc/subuid", name)),
    gids: fullMap(process.getgid?.() ?? 0, ranges("/etc/subgid", name)),
  };
}

/** @param folder an existing directory for the keeper's record */
export function testUserNamespace(folder: string): UserNamespace {
  return openUserNamespace(testIdMap(), folder);
}

/** Runs a command as root of the user namespace; its output. @throws Error when it fails */
export async function runAsRoot(
  userns: UserNamespace,
  command: readonly string[],
): Promise<string> {
  const [path = "", ...args] = command;
  const worker = startWorker(userns, { path, args: [] }, args);
  closeSync(worker.stdin);
  const [output, ending] = await Promise.all([Bun.file(worker.stdout).text(), worker.exited]);
  closeSync(worker.stdout);
  if (ending.kind !== "exited" || ending.code !== 0) {
    throw new Error(`${command.join(" ")}: ${JSON.stringify(ending)}\n${output}`);
  }
  return output;
}
