/** All layers of an image, a few at a time. */
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import { chainIDs, type LayerRecord } from "../../storage/layers.ts";
import { WorkerPool } from "../worker_pool.ts";
import { inParallel } from "./in_parallel.ts";
import { storedForms } from "./lacks_blob.ts";
import { isThere, provideLayer } from "./layer.ts";
import type { RemoteImage } from "./resolve.ts";
import type { LayerWork, WantedLayer } from "./work.ts";

/** Docker's default for layers at a time; as many workers at most, and no more than processors. */
const PARALLEL_LAYERS = 3;

/**
 * Workers that unpack layers.
 * @param userns called when the first of them starts @param atOnce as in LayerWork
 */
export function layerWorkers(
  userns: () => UserNamespace,
  self: SelfCommand,
  atOnce = PARALLEL_LAYERS,
): WorkerPool {
  return new WorkerPool(userns, self, Math.min(atOnce, navigator.hardwareConcurrency));
}

/**
 * Unpacks all layers of an image, each once; the first that fails ends the others.
 * @throws TsboxError as {@link provideLayer}
 */
export async function provideLayers(
  { manifest, config }: Pick<RemoteImage, "manifest" | "config">,
  work: LayerWork,
): Promise<LayerRecord[]> {
  const chain = chainIDs(config.diffIds);
  const layers = manifest.layers.flatMap((descriptor, i): WantedLayer[] => {
    const [diffID, chainID] = [config.diffIds[i], chain[i]];
    if (diffID === undefined || chainID === undefined) return [];
    return [{ descriptor, diffID, chainID, isBase: i === 0 }];
  });
  const forms = storedForms(work.dataRoot);
  for (const layer of layers) {
    if (isThere(layer, { ...work, forms })) continue;
    work.onLayer(layer.descriptor.digest, { state: "waiting" });
  }
  return await inParallel(
    layers,
    work.atOnce ?? PARALLEL_LAYERS,
    work.signal,
    (layer, signal) => provideLayer(layer, { ...work, signal, forms }),
  );
}
