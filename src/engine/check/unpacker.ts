/** Unpacks layers of the store's own blobs anew. */
import { existsSync, renameSync } from "node:fs";
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import { blobPath } from "../../storage/content_store.ts";
import { layerHome } from "../../storage/layers.ts";
import { trashPath } from "../../storage/trash.ts";
import type { UnpackLimits } from "../../storage/unpack.ts";
import { layerWorkers, provideLayers } from "../pull/layers.ts";
import type { CheckedImage } from "../pull/register.ts";

/** Unpacks what an image lacks, after moving its broken layers away. @throws TsboxError */
export type Unpacker = (image: CheckedImage, broken: readonly string[]) => Promise<void>;

/** What an {@link Unpacker} works with. */
export interface UnpackerOptions {
  dataRoot: string;
  userns: () => UserNamespace;
  self: SelfCommand;
  limits: UnpackLimits;
  signal: AbortSignal;
}

export function unpackerOf(options: UnpackerOptions): Unpacker {
  const { dataRoot, userns, self } = options;
  return async (image, broken) => {
    setLayersAside(dataRoot, broken);
    const workers = layerWorkers(userns, self);
    const source = {
      kind: "files",
      pathOf: (digest: Parameters<typeof blobPath>[1]) => blobPath(dataRoot, digest),
    } as const;
    try {
      await provideLayers(image, { ...options, source, workers, onLayer: () => {} });
    } finally {
      workers.close();
    }
  };
}

/** Moves what is left of layers out of the way of those that are made anew. */
export function setLayersAside(dataRoot: string, chainIDs: readonly string[]): void {
  for (const home of chainIDs.map((chainID) => layerHome(dataRoot, chainID))) {
    if (existsSync(home)) renameSync(home, trashPath(dataRoot, `layer-${crypto.randomUUID()}`));
  }
}
