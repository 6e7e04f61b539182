/** After a boot: the containers that their restart policy wants to run. */
import { tryLock } from "../storage/container_lock.ts";
import { scanContainers, type StoredContainer } from "../storage/containers.ts";
import type { EngineContext } from "./context.ts";
import type { RunHost } from "./run/host.ts";
import { startDetachedContainer } from "./run_monitored.ts";

/** How it went with one of them. */
export interface WantedStart {
  name: string;
  /** Why it could not be started. */
  error?: unknown;
}

/**
 * Starts containers with the policy `always`, and with `unless-stopped` those that the user did not stop. As with
 * docker, `on-failure` is about failures and not about boots, and what was never started is not started now.
 * One that cannot be started does not keep the others from their turn.
 */
export function startWanted(context: EngineContext, host: RunHost): WantedStart[] {
  return scanContainers(context.dataRoot).containers.filter(isWanted).map(({ record }) => {
    try {
      startDetachedContainer(record.id, context, host);
      return { name: record.name };
    } catch (error) {
      return { name: record.name, error };
    }
  });
}

function isWanted({ record, owned, directory }: StoredContainer): boolean {
  const { options: { restart }, state, stoppedByUser = false } = record;
  if (owned || state.status === "created" || restart === undefined) return false;
  const wanted = restart.name === "always" || (restart.name === "unless-stopped" && !stoppedByUser);
  if (!wanted) return false;
  const lock = tryLock(directory, "exclusive");
  lock?.release();
  return lock !== undefined;
}
