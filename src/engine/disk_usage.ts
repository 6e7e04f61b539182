/** `system df`: what the store takes of the disk. All figures are read; nothing is estimated. */
import type { SelfCommand } from "../rootless/worker.ts";
import { scanContainers } from "../storage/containers.ts";
import { volumeUsers } from "../storage/volume_references.ts";
import type { ContainerSummary, ImageSummary, VolumeInfo } from "./api_types.ts";
import { containerCounts } from "./container_counts.ts";
import { containerSizes } from "./container_sizes.ts";
import type { EngineContext } from "./context.ts";
import { diskShares, readImageParts, totalSizes } from "./image_sizes.ts";
import { imageSummaries } from "./images.ts";
import { containerSummaries } from "./list.ts";
import { treeSizes } from "./measure_trees.ts";
import { volumeInfos } from "./volumes.ts";

/** A container and what it wrote, in bytes. */
export type SizedContainer = ContainerSummary & { SizeRw: number };

/** A volume, its bytes and how many containers use it. */
export type SizedVolume = VolumeInfo & { UsageData: { Size: number; RefCount: number } };

/** Sizes in bytes; names with capitals are those of `GET /system/df`. */
export interface DiskUsage {
  /** All layers and blobs of images, each once. */
  LayersSize: number;
  /** The part of it that no container's image needs. */
  reclaimable: number;
  /** `Size` and `SharedSize` are of layers and blobs. */
  Images: ImageSummary[];
  Containers: SizedContainer[];
  Volumes: SizedVolume[];
}

/** Looks at every layer, blob, container and volume once. */
export async function diskUsage(context: EngineContext, self: SelfCommand): Promise<DiskUsage> {
  const parts = readImageParts(context.dataRoot);
  const shares = diskShares(parts);
  const users = containerCounts(context.dataRoot);
  const images = imageSummaries(context, new Map(), { labels: true, users, shares })
    .map((image) => ({ ...image, Size: shares.get(image.Id)?.size ?? image.Size }));
  const used = new Set(images.filter((i) => i.Containers > 0).map((i) => i.Id));
  const { total, reclaimable } = totalSizes(parts, ({ id }) => used.has(id));
  return {
    LayersSize: total,
    reclaimable,
    Images: images,
    Containers: await sizedContainers(context, self),
    Volumes: await sizedVolumes(context, self),
  };
}

async function sizedContainers(
  context: EngineContext,
  self: SelfCommand,
): Promise<SizedContainer[]> {
  const options = { all: true, filters: new Map<string, string[]>() };
  const containers = containerSummaries(context, scanContainers(context.dataRoot), options);
  const homes = containers.map(({ Id }) => `${context.dataRoot}/containers/${Id}`);
  const sizes = await containerSizes(context, self, homes);
  return containers.map((container, i) => ({ ...container, SizeRw: sizes[i] ?? 0 }));
}

async function sizedVolumes(context: EngineContext, self: SelfCommand): Promise<SizedVolume[]> {
  const volumes = volumeInfos(context, new Map());
  const users = volumeUsers(context.dataRoot);
  const sizes = await treeSizes(volumes.map(({ Mountpoint }) => Mountpoint), context, self);
  return volumes.map((volume, i) => ({
    ...volume,
    UsageData: { Size: sizes[i] ?? 0, RefCount: users.get(volume.Name)?.length ?? 0 },
  }));
}
