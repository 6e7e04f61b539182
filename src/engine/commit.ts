/** `commit`: what a container has changed becomes a layer of a new image. */
import { closeSync, createReadStream, fsyncSync, openSync, statSync } from "node:fs";
import { applyChanges } from "../build/changes.ts";
import { parseSignal } from "../container/signals.ts";
import { TsboxError } from "../errors.ts";
import { DigestHasher } from "../oci/digest.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { tryLock } from "../storage/container_lock.ts";
import { type StoredContainer } from "../storage/containers.ts";
import { findContainer } from "../storage/find_container.ts";
import { logEvents } from "../storage/event_log.ts";
import type { ExportJob } from "../storage/export_tree.ts";
import { withAdoption } from "./archive/adoption.ts";
import type { SpooledFile } from "./archive/spool.ts";
import { committedImage, containerConfig, type NewLayer, parentOf } from "./commit/image.ts";
import { containerLayers } from "./container_layers.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";
import { newName } from "./image_names.ts";
import { ownNamespace } from "./own_namespace.ts";
import { startFileJob } from "./worker.ts";

export interface CommitOptions {
  self: SelfCommand;
  /** As the user wrote it; undefined: the image gets no name. */
  name?: string;
  /** Instructions of a Dockerfile. */
  changes: readonly string[];
  message: string;
  author: string;
  /** The container stands still meanwhile, where its control group can be frozen. */
  pause: boolean;
  signal: AbortSignal;
}

/**
 * Makes the image and returns its id.
 * @throws TsboxError "not-found", "invalid-argument", "corrupt", "no-space", "cancelled": nothing is left then
 */
export async function commitContainer(
  context: EngineContext,
  text: string,
  options: CommitOptions,
): Promise<string> {
  const { dataRoot } = context;
  const container = findContainer(dataRoot, text);
  const names = options.name === undefined ? [] : [newName(options.name).canonical];
  const config = applyChanges(containerConfig(dataRoot, container.record), options.changes);
  if (config.StopSignal !== undefined) parseSignal(config.StopSignal);
  // Keeps a container that has ended from being removed meanwhile; one that runs is held by its run.
  const held = tryLock(container.directory, "shared");
  try {
    const id = await commit(
      context,
      container,
      options,
      (layer) => committedImage(dataRoot, container.record, { ...options, names, config, layer }),
    );
    const details = { comment: options.message, imageID: id, imageRef: names[0] ?? "" };
    logEvents(dataRoot, [containerEvent(container.record, "commit", details)]);
    return id;
  } finally {
    held?.release();
  }
}

async function commit(
  context: EngineContext,
  container: StoredContainer,
  options: CommitOptions,
  imageOf: (layer: NewLayer) => ReturnType<typeof committedImage>,
): Promise<string> {
  const { self, signal, pause } = options;
  return await withAdoption(context, "commit", options, async ({ folder, adopt }) => {
    const resume = pause ? await paused(context, container) : () => {};
    const layer = await writeLayer(context, container, `${folder}/layer`, self, signal)
      .finally(resume);
    const image = imageOf(layer);
    await adopt([image]);
    return image.manifest.config.digest;
  });
}

/** Pauses a container that runs and can be paused; returns what lets it go on. */
async function paused(context: EngineContext, { record }: StoredContainer): Promise<() => void> {
  const { state, id } = record;
  if (state.status !== "running" || state.paused || state.cgroup === undefined) return () => {};
  const { pauseContainer, unpauseContainer } = await import("./pause.ts");
  await pauseContainer(context, id);
  return () => {
    try {
      unpauseContainer(context, id);
    } catch {
      // It has ended meanwhile, or somebody else has let it go on.
    }
  };
}

/** What is read, and whether it lies on the image's layers. */
function sourceOf(dataRoot: string, container: StoredContainer): ExportJob | undefined {
  const layers = containerLayers(dataRoot, container);
  // A copy of the image does not tell what was changed: then all of it is the layer.
  if (layers.kind === "whole") return { layers: [layers.directory], fuse: false };
  const { upper, fuse } = layers;
  return upper === undefined ? undefined : { layers: [upper], fuse, changes: true };
}

async function writeLayer(
  context: EngineContext,
  container: StoredContainer,
  path: string,
  self: SelfCommand,
  signal: AbortSignal,
): Promise<NewLayer> {
  const { dataRoot } = context;
  const job = sourceOf(dataRoot, container);
  const parent = job === undefined || job.changes
    ? parentOf(dataRoot, container.record)
    : undefined;
  if (job === undefined) return { parent, file: undefined };
  const fd = openSync(path, "wx", 0o600);
  try {
    const running = startFileJob({ kind: "export", ...job }, ownNamespace(context)(), self, fd);
    const stop = () => running.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const summary = await running.result.catch((error: unknown) => {
      throw signal.aborted ? new TsboxError("cancelled", "Cannot commit: cancelled") : error;
    }).finally(() => signal.removeEventListener("abort", stop));
    fsyncSync(fd);
    const isEmpty = entriesOf(summary) === 0 && parent !== undefined;
    return { parent, file: isEmpty ? undefined : await hashed(path) };
  } finally {
    closeSync(fd);
  }
}

function entriesOf(summary: unknown): number {
  const isOne = typeof summary === "object" && summary !== null && "entries" in summary;
  return isOne ? Number(summary.entries) : 0;
}

async function hashed(path: string): Promise<SpooledFile> {
  const hasher = new DigestHasher();
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hasher.update(piece);
  }
  return { path, size: statSync(path).size, digest: hasher.digest() };
}
