import { closeFile } from "../ffi/quick_files.ts";
import { ownIdMap } from "../rootless/subids.ts";
import { openUserNamespace } from "../rootless/user_namespace.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import type { EngineContext } from "./context.ts";
import { ensureRuntimeDir } from "./runtime_dir.ts";

/** Bytes of the files below directories, which may be those of the containers' other users; absolute paths. */
export async function measureTrees(
  paths: readonly string[],
  context: EngineContext,
  self: SelfCommand,
): Promise<number> {
  if (paths.length === 0) return 0;
  const { uid, gid, env, runtimeDir } = context;
  ensureRuntimeDir(runtimeDir, uid);
  const map = ownIdMap({ uid, gid, name: env["USER"], mode: "auto" });
  const { startJob } = await import("./worker.ts");
  const userns = openUserNamespace(map, runtimeDir);
  try {
    return Number(await startJob({ kind: "measure", paths }, userns, self).result);
  } finally {
    closeFile(userns.fd);
  }
}
