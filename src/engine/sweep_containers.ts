/** Deletes what run processes left that were killed before or while they could: done by whoever comes next. */
import { isReadWritable } from "../ffi/quick_files.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { tryLock } from "../storage/container_lock.ts";
import { nameOf } from "../storage/container_name.ts";
import {
  type ContainerScan,
  deleteContainer,
  isAbandoned,
  isAbandonedDirectory,
  scanContainers,
} from "../storage/containers.ts";
import type { ListedContainer } from "../storage/listed_record.ts";
import { listTrash } from "../storage/trash.ts";
import { detachAnonymousVolumes } from "../storage/volume_references.ts";
import type { EngineContext } from "./context.ts";
import { discardTrees } from "./discard_trees.ts";

/**
 * Removes containers of `run --rm` and half-made ones whose run process is dead, and finishes deletions
 * that were cut.
 */
export async function sweepContainers(
  context: EngineContext,
  self: SelfCommand,
  scan: ContainerScan<ListedContainer> = scanContainers(context.dataRoot),
): Promise<void> {
  // What is left behind in a store that cannot be written is in nobody's way.
  if (!isReadWritable(`${context.dataRoot}/tmp`)) return;
  const ended = scan.containers.filter(isAbandoned)
    .map(({ directory, record: { id, name, otherName } }) => ({ directory, id, name, otherName }));
  const unmade = scan.unrecorded.filter(isAbandonedDirectory)
    .map((directory) => ({ directory, id: directory.slice(-64) }))
    .map((unmade) => ({ ...unmade, name: nameOf(context.dataRoot, unmade.id) }));
  const trees = [...ended, ...unmade].flatMap((container) => {
    // Without the lock its owner lives after all, or another command is deleting it right now.
    const lock = tryLock(container.directory, "exclusive");
    if (lock === undefined) return [];
    const volumes = detachAnonymousVolumes(context.dataRoot, container.directory);
    return [...volumes, deleteContainer(context.dataRoot, { ...container, lock }) ?? []].flat();
  });
  await discardTrees([...new Set([...trees, ...listTrash(context.dataRoot)])], context, self);
}
