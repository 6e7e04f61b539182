/** What is written down of a container's life: its record and its events. */
import type { Launch } from "../../rootless/launch.ts";
import { currentBoot, processStart } from "../../storage/container_lock.ts";
import {
  changeRecord,
  type ContainerRecord,
  prepareRecord,
  timestamp,
  writeRecord,
} from "../../storage/container_record.ts";
import { untouchedDeletion } from "../../storage/containers.ts";
import { eventLines, logLines, type StoreEvent } from "../../storage/event_log.ts";
import { containerEvent } from "../events/container_event.ts";
import type { Run } from "./preparation.ts";

type RunningState = Extract<ContainerRecord["state"], { status: "running" }>;

/** What is prepared while the process is on its way to its command. */
export interface Beginning {
  state: RunningState;
  /**
   * Writes down that it runs. Not before it does: until then its memory is ours, and nobody may be let into the
   * container.
   */
  announce(): void;
}

/** Has ready what is written down when the process runs, and what the end needs. */
export function begin(it: Run, launch: Launch, record: ContainerRecord): Beginning {
  const { cgroup, container: { id }, context: { dataRoot } } = it;
  const { pid } = launch;
  const pidStart = processStart(pid) ?? 0;
  const state: RunningState = {
    status: "running",
    pid,
    pidStart,
    bootId: currentBoot(),
    startedAt: timestamp(),
    ...(cgroup && { cgroup: cgroup.path }),
  };
  const started = { ...record, state };
  if (it.options.remove) launch.prepareLeave(untouchedDeletion(dataRoot, id));
  const lines = eventLines(startEvents(it, started));
  const write = startedRecord(it, started);
  const announce = () => {
    write();
    logLines(dataRoot, lines);
  };
  return { state, announce };
}

/** What writes down that it runs. Only of a new container nobody can change the record meanwhile. */
function startedRecord({ container: { directory }, previous }: Run, record: ContainerRecord) {
  return previous === undefined
    ? prepareRecord(directory, record)
    : () => writeStarted(directory, record);
}

/** A command may have changed the record since we read it: its name, its limits. */
function writeStarted(directory: string, record: ContainerRecord): void {
  const { state, spec, driver, ports = [], restartCount = 0, stoppedByUser = false } = record;
  const ours = { state, spec, driver, ports, restartCount, stoppedByUser };
  const changed = changeRecord(directory, (now) => ({ ...now, ...ours }));
  if (changed === undefined) writeRecord(directory, record);
}

function startEvents({ options, previous }: Run, record: ContainerRecord): StoreEvent[] {
  const events = [containerEvent(record, "start")];
  if (!options.detach && previous === undefined) events.unshift(containerEvent(record, "attach"));
  if (previous === undefined) events.unshift(containerEvent(record, "create"));
  return events;
}

/** Of its end, as the record says it. @param oom whether processes were killed for want of memory, and no event says so */
export function endEvents(record: ContainerRecord, oom: boolean): StoreEvent[] {
  const { state } = record;
  if (state.status !== "exited") return [];
  const lasted = Date.parse(state.finishedAt) - Date.parse(state.startedAt);
  const details = {
    execDuration: String(Math.floor(lasted / 1000)),
    exitCode: String(state.exitCode),
  };
  const events = [containerEvent(record, "die", details)];
  if (oom) events.unshift(containerEvent(record, "oom"));
  return events;
}
