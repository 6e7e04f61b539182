/** How much containers have written. */
import { closeFile } from "../ffi/quick_files.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import type { EngineContext } from "./context.ts";
import { ownNamespace } from "./own_namespace.ts";

/**
 * Bytes of the files that containers have of their own, in the order of their directories (absolute): what
 * they wrote over the image, and the image's copy where the driver is `copy`. A worker looks: the files may
 * be those of the containers' other users.
 * Throws TsboxError of the worker, or ("host") when there is no user namespace.
 */
export async function containerSizes(
  context: EngineContext,
  self: SelfCommand,
  directories: readonly string[],
): Promise<number[]> {
  if (directories.length === 0) return [];
  const paths = directories.flatMap((path) => [`${path}/upper`, `${path}/rootfs`]);
  const { startJob } = await import("./worker.ts");
  const userns = ownNamespace(context)();
  try {
    const result = await startJob({ kind: "sizes", paths }, userns, self).result;
    const sizes = Array.isArray(result) ? result.map(Number) : [];
    return directories.map((_, i) => (sizes[2 * i] ?? 0) + (sizes[2 * i + 1] ?? 0));
  } finally {
    closeFile(userns.fd);
  }
}
