/** The container that `exec` enters. */
import { type ContainerProcess, openContainerProcess } from "../../rootless/container_process.ts";
import { processStart } from "../../storage/container_lock.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";
import { findContainer } from "../../storage/find_container.ts";
import { TsboxError } from "../../errors.ts";

/** A container and its first process, whose descriptors are the caller's to close. */
export interface RunningContainer {
  record: ContainerRecord;
  /** Absolute: the store. */
  dataRoot: string;
  /** Absolute: its folder in the store. */
  directory: string;
  process: ContainerProcess;
}

/**
 * Finds a container that runs, and holds its first process: from then on its pid cannot become another's
 * unnoticed.
 * @throws TsboxError "not-found", or "invalid-state" when it does not run
 */
export function openRunning(dataRoot: string, name: string): RunningContainer {
  const { record, directory } = findContainer(dataRoot, name);
  const { state } = record;
  if (state.status === "restarting") throw restarting(record);
  if (state.status !== "running") throw notRunning(record);
  const { pid, pidStart } = state;
  const process = openContainerProcess(pid, () => processStart(pid) === pidStart);
  if (process === undefined) throw notRunning(record);
  return { record, dataRoot, directory, process };
}

function notRunning({ id }: ContainerRecord): TsboxError {
  return new TsboxError("invalid-state", `container ${id} is not running`);
}

function restarting({ id }: ContainerRecord): TsboxError {
  const message = `Container ${id} is restarting, wait until the container is running`;
  return new TsboxError("invalid-state", message);
}
