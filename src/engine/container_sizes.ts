/** How much containers have written. */
import type { SelfCommand } from "../rootless/worker.ts";
import type { EngineContext } from "./context.ts";
import { treeSizes } from "./measure_trees.ts";

/**
 * Bytes of the files that containers have of their own, in the order of their directories (absolute): what
 * they wrote over the image, and the image's copy where the driver is `copy`. Throws TsboxError.
 */
export async function containerSizes(
  context: EngineContext,
  self: SelfCommand,
  directories: readonly string[],
): Promise<number[]> {
  const paths = directories.flatMap((path) => [`${path}/upper`, `${path}/rootfs`]);
  const sizes = await treeSizes(paths, context, self);
  return directories.map((_, i) => (sizes[2 * i] ?? 0) + (sizes[2 * i + 1] ?? 0));
}
