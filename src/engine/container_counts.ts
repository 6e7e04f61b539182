import { listContainers } from "../storage/containers.ts";

/** How many containers were made of each image, by its id: every container is read. */
export function containerCounts(dataRoot: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { record } of listContainers(dataRoot)) {
    counts.set(record.image.id, (counts.get(record.image.id) ?? 0) + 1);
  }
  return counts;
}
