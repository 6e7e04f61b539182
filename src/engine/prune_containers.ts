/** `container prune`: deletes containers that do not run. */
import { TsboxError } from "../errors.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { isAbandoned, listContainers, type StoredContainer } from "../storage/containers.ts";
import { containerSizes } from "./container_sizes.ts";
import type { EngineContext } from "./context.ts";
import { logEvents } from "../storage/event_log.ts";
import { pruneEvent } from "./events/image_event.ts";
import type { Filters } from "./filters.ts";
import { pruneFilter } from "./prune_filters.ts";
import { removeContainer } from "./remove.ts";
import { sweepContainers } from "./sweep_containers.ts";

/** What a prune did. */
export interface PrunedContainers {
  /** Full ids, the newest first. */
  ids: string[];
  /** Bytes of the files that were theirs. */
  reclaimed: number;
}

/** Deletes them. Throws TsboxError("invalid-argument") for filter values that mean nothing. */
export async function pruneContainers(
  context: EngineContext,
  self: SelfCommand,
  filters: Filters,
): Promise<PrunedContainers> {
  const fits = pruneFilter(filters, Date.now());
  const found = listContainers(context.dataRoot)
    .filter((container) => isEnded(container) && fits(container.record));
  const sizes = await containerSizes(context, self, found.map(({ directory }) => directory));
  const result: PrunedContainers = { ids: [], reclaimed: 0 };
  for (const [i, { record: { id } }] of found.entries()) {
    if (!await isRemoved(context, self, id)) continue;
    result.ids.push(id);
    result.reclaimed += sizes[i] ?? 0;
  }
  await sweepContainers(context, self);
  logEvents(context.dataRoot, [pruneEvent("container", result.reclaimed)]);
  return result;
}

function isEnded(container: StoredContainer): boolean {
  const { owned, record: { state } } = container;
  return !owned && state.status !== "running" && !isAbandoned(container);
}

/** False for one that somebody else removes or starts just now. */
async function isRemoved(context: EngineContext, self: SelfCommand, id: string): Promise<boolean> {
  try {
    await removeContainer(context, self, id, { force: false, volumes: false });
    return true;
  } catch (thrown) {
    if (!(thrown instanceof TsboxError)) throw thrown;
    if (thrown.code === "not-found" || thrown.code === "invalid-state") return false;
    throw thrown;
  }
}
