/** `export`: a container's root filesystem as an archive, whether it runs or not. */
import { TsboxError } from "../errors.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { tryLock } from "../storage/container_lock.ts";
import { type StoredContainer } from "../storage/containers.ts";
import { findContainer } from "../storage/find_container.ts";
import type { ExportJob } from "../storage/export_tree.ts";
import type { ArchiveOutput } from "./archive/output.ts";
import { containerLayers } from "./container_layers.ts";
import type { EngineContext } from "./context.ts";
import { ownNamespace } from "./own_namespace.ts";
import { startFileJob } from "./worker.ts";

/**
 * Writes what the container has below `/`, without its volumes and other mounts, to `output`. Owners are those
 * the container sees; sockets are left out.
 * @throws TsboxError "not-found", "corrupt" when its image is gone, "cancelled", and what the worker throws
 */
export async function exportContainer(
  context: EngineContext,
  self: SelfCommand,
  text: string,
  output: ArchiveOutput,
  signal: AbortSignal,
): Promise<void> {
  const container = findContainer(context.dataRoot, text);
  // Keeps a container that has ended from being removed meanwhile; one that runs is held by its run.
  const lock = tryLock(container.directory, "shared");
  try {
    const job = { kind: "export", ...rootOf(context.dataRoot, container) } as const;
    const running = startFileJob(job, ownNamespace(context)(), self, output.fd);
    const stop = () => running.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const result = await running.result.catch((error: unknown) => {
      if (signal.aborted) throw new TsboxError("cancelled", "Cannot write the archive: cancelled");
      throw error;
    }).finally(() => signal.removeEventListener("abort", stop));
    if (isClosed(result)) throw output.closed();
  } finally {
    lock?.release();
  }
}

/** The directories whose merger is the container's root, the topmost first. */
function rootOf(dataRoot: string, container: StoredContainer): ExportJob {
  const layers = containerLayers(dataRoot, container);
  if (layers.kind === "whole") return { layers: [layers.directory], fuse: false };
  const { upper, lower, fuse } = layers;
  return { layers: upper === undefined ? lower : [upper, ...lower], fuse };
}

function isClosed(result: unknown): boolean {
  return typeof result === "object" && result !== null && "closed" in result &&
    result.closed === true;
}
