import { closeFile } from "../ffi/quick_files.ts";
import { ownIdMap } from "../rootless/subids.ts";
import { openUserNamespace } from "../rootless/user_namespace.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { removeDirectly } from "../storage/remove_directly.ts";
import type { EngineContext } from "./context.ts";
import { ensureRuntimeDir } from "./runtime_dir.ts";

/**
 * Deletes trees; absolute paths. Those that hold files of the containers' other users, which only
 * root of the user namespace can delete, are given to a worker.
 */
export async function discardTrees(
  paths: readonly string[],
  context: EngineContext,
  self: SelfCommand,
): Promise<void> {
  const foreign = paths.filter((path) => !removeDirectly(path));
  if (foreign.length === 0) return;
  const { uid, gid, env, runtimeDir } = context;
  ensureRuntimeDir(runtimeDir, uid);
  const map = ownIdMap({ uid, gid, name: env["USER"], mode: "auto" });
  const { removeTrees } = await import("./worker.ts");
  const userns = openUserNamespace(map, runtimeDir);
  try {
    await removeTrees(foreign, userns, self);
  } finally {
    closeFile(userns.fd);
  }
}
