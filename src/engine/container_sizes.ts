/** How much containers have written. */
import type { SelfCommand } from "../rootless/worker.ts";
import { readRecord } from "../storage/container_record.ts";
import { listEntries } from "../storage/image_index.ts";
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

/** What containers have written, and that together with their images, by id. @throws TsboxError */
export async function containerTotals(
  context: EngineContext,
  self: SelfCommand,
  ids: readonly string[],
): Promise<Map<string, { SizeRw: number; SizeRootFs: number }>> {
  const { dataRoot } = context;
  const directories = ids.map((id) => `${dataRoot}/containers/${id}`);
  const sizes = await containerSizes(context, self, directories);
  const images = new Map(listEntries(dataRoot).map(({ id, size }) => [id, size]));
  return new Map(ids.map((id, i) => {
    const SizeRw = sizes[i] ?? 0;
    const image = readRecord(directories[i] ?? "")?.image.id ?? "";
    return [id, { SizeRw, SizeRootFs: SizeRw + (images.get(image) ?? 0) }];
  }));
}
