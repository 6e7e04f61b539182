import { closeFile } from "../ffi/quick_files.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import type { EngineContext } from "./context.ts";
import { ownNamespace } from "./own_namespace.ts";

/**
 * Bytes of the files below each of some directories, absolute paths; 0 for what is not there. A worker looks:
 * they may be those of the containers' other users. Throws TsboxError.
 */
export async function treeSizes(
  paths: readonly string[],
  context: EngineContext,
  self: SelfCommand,
): Promise<number[]> {
  if (paths.length === 0) return [];
  const { startJob } = await import("./worker.ts");
  const userns = ownNamespace(context)();
  try {
    const result = await startJob({ kind: "sizes", paths }, userns, self).result;
    return Array.isArray(result) ? result.map(Number) : [];
  } finally {
    closeFile(userns.fd);
  }
}

/** {@link treeSizes}, all of them together. */
export async function measureTrees(
  paths: readonly string[],
  context: EngineContext,
  self: SelfCommand,
): Promise<number> {
  return (await treeSizes(paths, context, self)).reduce((sum, size) => sum + size, 0);
}
