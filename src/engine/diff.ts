/** `diff`: what a container has changed of its image's files. */
import { TsboxError } from "../errors.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { tryLock } from "../storage/container_lock.ts";
import { type StoredContainer } from "../storage/containers.ts";
import { findContainer } from "../storage/find_container.ts";
import type { DiffJob } from "../storage/tree_changes.ts";
import { containerLayers, imageLayers } from "./container_layers.ts";
import type { EngineContext } from "./context.ts";
import { ownNamespace } from "./own_namespace.ts";
import { startJob } from "./worker.ts";

/** As docker's API numbers them. */
export const CHANGE_KINDS = ["C", "A", "D"] as const;

/** One change of a container's root file system. */
export interface FileChange {
  Path: string;
  /** Index into {@link CHANGE_KINDS}. */
  Kind: number;
}

/**
 * Tells every change, a directory before what is in it. Volumes and other mounts do not count.
 * @throws TsboxError "not-found", "unsupported" for a container of `--rootfs`, and what the worker throws
 */
export async function diffContainer(
  context: EngineContext,
  self: SelfCommand,
  name: string,
  tell: (change: FileChange) => void,
): Promise<void> {
  const container = findContainer(context.dataRoot, name);
  // Keeps a container that has ended from being removed meanwhile; one that runs is held by its run.
  const lock = tryLock(container.directory, "shared");
  try {
    const job = diffJob(context.dataRoot, container);
    if (job === undefined) return;
    await perform(job, context, self, tell);
  } finally {
    lock?.release();
  }
}

/** Ends when the caller does not want to hear more, which it says by throwing. */
async function perform(
  job: DiffJob,
  context: EngineContext,
  self: SelfCommand,
  tell: (change: FileChange) => void,
): Promise<void> {
  const refused: unknown[] = [];
  const running = startJob({ kind: "diff", ...job }, ownNamespace(context)(), self, (line) => {
    if (refused.length > 0) return;
    try {
      tell(changeOf(line));
    } catch (error) {
      refused.push(error);
      running.stop();
    }
  });
  try {
    await running.result;
  } catch (error) {
    throw refused.length > 0 ? refused[0] : error;
  }
  if (refused.length > 0) throw refused[0];
}

/** Undefined: it has changed nothing. */
function diffJob(dataRoot: string, container: StoredContainer): DiffJob | undefined {
  const layers = containerLayers(dataRoot, container);
  if (layers.kind === "layered") {
    const { upper, lower, fuse } = layers;
    return upper === undefined ? undefined : { top: upper, whole: false, lower, fuse };
  }
  if (layers.own) {
    throw new TsboxError(
      "unsupported",
      `Cannot tell changes of ${container.record.name}: its files are those of --rootfs`,
    );
  }
  const lower = imageLayers(dataRoot, container.record);
  return { top: layers.directory, whole: true, lower, fuse: false };
}

function changeOf(line: string): FileChange {
  const text: unknown = JSON.parse(line);
  const [kind, path] = typeof text === "string" ? [text.charAt(0), text.slice(2)] : ["", ""];
  return { Path: path, Kind: CHANGE_KINDS.findIndex((known) => known === kind) };
}
