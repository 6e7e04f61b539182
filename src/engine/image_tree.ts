/** `images --tree`: images, the platforms they are for, and what they take of the disk. */
import { formatPlatform } from "../oci/platform.ts";
import { containerCounts } from "./container_counts.ts";
import type { EngineContext } from "./context.ts";
import type { Filters } from "./filters.ts";
import { contentSizes, diskShares, readImageParts } from "./image_sizes.ts";
import { imageSummaries } from "./images.ts";

/** An image in the tree; sizes in bytes. */
export interface TreeImage {
  /** Docker's short names; empty for a dangling image. */
  names: string[];
  id: string;
  /** Unpacked layers and blobs, whether other images share them or not. */
  diskUsage: number;
  /** The blobs alone. */
  contentSize: number;
  /** Some container was made of it. */
  used: boolean;
  /** What it is for. Here an image has one platform. */
  platform: string;
  /** Digest of that platform's manifest. */
  manifest: string;
}

/** The images, newest first, filtered as {@link imageSummaries} does. */
export function imageTree(context: EngineContext, filters: Filters, named?: string): TreeImage[] {
  const parts = readImageParts(context.dataRoot);
  const [usage, content] = [diskShares(parts), contentSizes(parts)];
  const whole = new Map(parts.images.map((image) => [image.id, image]));
  const users = containerCounts(context.dataRoot);
  return imageSummaries(context, filters, { users, ...(named !== undefined && { named }) })
    .flatMap(({ Id: id, RepoTags: names, Containers: containers }) => {
      const image = whole.get(id);
      // Pulled since the parts were read.
      if (image === undefined) return [];
      return [{
        names,
        id,
        diskUsage: usage.get(id)?.size ?? 0,
        contentSize: content.get(id) ?? 0,
        used: containers > 0,
        platform: formatPlatform(image.platform),
        manifest: image.manifestDigest,
      }];
    });
}
