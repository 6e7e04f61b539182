/** `history`: how the layers of an image came to be. */
import type { HistoryEntry } from "../oci/image_config.ts";
import { layerSize } from "../storage/image_files.ts";
import type { EngineContext } from "./context.ts";
import { configDocument } from "./config_document.ts";
import { repoTags } from "./images.ts";
import { imageForPlatform } from "./image_platform.ts";

/** An element of `GET /images/{name}/history`. */
export interface HistoryItem {
  /** Of the image for the newest element; docker's `<missing>` for the others. */
  Id: string;
  /** Seconds since the epoch; 0 when it is not known. */
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  /** Bytes of the layer's files; 0 when the step made none. */
  Size: number;
  Comment: string;
}

/**
 * The image's history, newest first.
 * @param platform `os/arch[/variant]` that the image must be for
 * Throws TsboxError("not-found"), or ("corrupt") when its config is damaged.
 */
export function imageHistory(
  context: EngineContext,
  text: string,
  platform?: string,
): HistoryItem[] {
  const { dataRoot } = context;
  const image = imageForPlatform(context, text, platform);
  const steps = configDocument(dataRoot, image.id)?.history ?? [];
  const sizes = image.chainIDs.map((chainID) => layerSize(dataRoot, chainID));
  const items = withLayers(steps, sizes).map(({ step, size }): HistoryItem => ({
    Id: "<missing>",
    Created: Math.floor((Date.parse(step.created ?? "") || 0) / 1000),
    CreatedBy: step.createdBy ?? "",
    Tags: null,
    Size: size,
    Comment: step.comment ?? "",
  })).reverse();
  const tags = repoTags(image);
  const top = { Id: image.id, Tags: tags.length > 0 ? tags : null };
  return items.map((item, i) => i === 0 ? { ...item, ...top } : item);
}

/** Pure. Layers that no step speaks of are steps of which nothing is known. */
function withLayers(
  steps: readonly HistoryEntry[],
  sizes: readonly number[],
): { step: HistoryEntry; size: number }[] {
  let layer = 0;
  const told = steps.map((step) => ({ step, size: step.emptyLayer ? 0 : sizes[layer++] ?? 0 }));
  const untold = sizes.slice(layer).map((size) => ({ step: { emptyLayer: false }, size }));
  return [...told, ...untold];
}
