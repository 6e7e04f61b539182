import { closeFile, exists } from "../ffi/quick_files.ts";
import { startLoneWorker } from "../rootless/worker.ts";
import { ownIdMap } from "../rootless/subids.ts";
import { openUserNamespace, type UserNamespace } from "../rootless/user_namespace.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { entriesOfLayer } from "../storage/layers.ts";
import { FEW_NAMES, type Removal, removeSmall } from "../storage/remove_directly.ts";
import { isTrash, trashLock } from "../storage/trash.ts";
import type { EngineContext } from "./context.ts";
import { ensureRuntimeDir } from "./runtime_dir.ts";
import type { WorkerJob } from "./worker_jobs.ts";

/** How long a deletion that may be a short one is waited for, in milliseconds. */
const PATIENCE = 1000;
const POLL = 2;

/**
 * Deletes trees; absolute paths. What holds many files, or files of the containers' other users, which only root
 * of the user namespace can delete, is given to a worker. Trash (see trash.ts) is deleted behind our back where
 * that takes long: it is out of the store already, and the next command goes on where a worker was killed.
 */
export async function discardTrees(
  paths: readonly string[],
  context: EngineContext,
  self: SelfCommand,
): Promise<void> {
  const left = paths.map((path) => ({ path, removal: removal(path) }))
    .filter(({ removal }) => removal !== "gone");
  if (left.length === 0) return;
  const userns = ownNamespace(context);
  try {
    const others = left.filter(({ path }) => !isTrash(path)).map(({ path }) => path);
    const trash = left.filter(({ path }) => isTrash(path));
    if (others.length > 0) await (await import("./worker.ts")).removeTrees(others, userns, self);
    if (trash.length === 0) return;
    const job: WorkerJob = { kind: "discard", dataRoot: context.dataRoot };
    startLoneWorker(userns, self, [JSON.stringify(job)]);
    if (trash.every(({ removal }) => removal !== "large")) {
      await untilGone(trash.flatMap(({ path }) => [path, trashLock(path)]));
    }
  } finally {
    closeFile(userns.fd);
  }
}

function ownNamespace({ uid, gid, env, runtimeDir }: EngineContext): UserNamespace {
  ensureRuntimeDir(runtimeDir, uid);
  return openUserNamespace(ownIdMap({ uid, gid, name: env["USER"], mode: "auto" }), runtimeDir);
}

/** A layer says how large it is: then not a name of it is removed while the user waits. */
function removal(path: string): Removal {
  const isLarge = isTrash(path) && (entriesOfLayer(path) ?? 0) > FEW_NAMES;
  return isLarge ? "large" : removeSmall(path, FEW_NAMES);
}

async function untilGone(paths: readonly string[]): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (paths.some(exists) && Date.now() < deadline) await Bun.sleep(POLL);
}
