/** `update`: other limits and another restart policy for a container, also while it runs. */
import { changedLimits, type ResourceLimits } from "../container/resources.ts";
import type { RestartPolicy } from "../container/restart_policy.ts";
import { applyLimits } from "../rootless/cgroup/container_cgroup.ts";
import { changeRecord, type ContainerRecord } from "../storage/container_record.ts";
import { logEvents } from "../storage/event_log.ts";
import { findContainer } from "../storage/find_container.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";
import { withoutGroup } from "./pause.ts";

/** What is to change; the rest stays. */
export interface ContainerChange {
  limits: ResourceLimits;
  restart?: RestartPolicy | undefined;
}

/**
 * Changes a container. A monitor reads the policy when the container has ended, and limits when it starts it again.
 * @param processors of the host
 * @throws TsboxError "not-found", "invalid-argument" in docker's words, "host" when a limit cannot be kept; nothing
 *   has changed then
 */
export function updateContainer(
  context: EngineContext,
  text: string,
  { limits, restart }: ContainerChange,
  processors: number,
): void {
  const { directory } = findContainer(context.dataRoot, text);
  const any = Object.keys(limits).length > 0;
  const changed = changeRecord(directory, (record) => {
    const { options } = record;
    if (restart !== undefined && restart.name !== "no" && options.remove) throw removed();
    const resources = changedLimits(options.resources ?? {}, limits, processors);
    // What has never had a limit must not get an empty one: it is asked whether there are any.
    if (any) applyToRunning(text, record, limits, resources);
    return {
      ...record,
      options: { ...options, ...(any && { resources }), ...(restart && { restart }) },
    };
  }) ?? gone(text);
  logEvents(context.dataRoot, [containerEvent(changed, "update")]);
}

/** What the group has already is written again where one file holds several limits. */
function applyToRunning(
  text: string,
  record: ContainerRecord,
  change: ResourceLimits,
  all: ResourceLimits,
): void {
  const { state } = record;
  if (state.status !== "running") return;
  if (state.cgroup === undefined) throw withoutGroup(text, record);
  const { memory, memorySwap, cpuPeriod, cpuQuota } = all;
  const swapToo = change.memorySwap !== undefined || change.memory !== undefined;
  const timeToo = change.cpuPeriod !== undefined || change.cpuQuota !== undefined;
  applyLimits(state.cgroup, {
    ...change,
    ...(swapToo && memory !== undefined && { memory }),
    ...(swapToo && memorySwap !== undefined && { memorySwap }),
    ...(timeToo && cpuPeriod !== undefined && { cpuPeriod }),
    ...(timeToo && cpuQuota !== undefined && { cpuQuota }),
  });
}

function removed(): TsboxError {
  return new TsboxError(
    "invalid-argument",
    "Restart policy cannot be updated because AutoRemove is enabled for the container",
  );
}

function gone(text: string): never {
  throw new TsboxError("not-found", `No such container: ${text}`);
}
