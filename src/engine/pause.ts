/** `pause` and `unpause`: by the freezer of the container's control group. */
import { freeze, thaw, waitFrozen } from "../rootless/cgroup/container_cgroup.ts";
import {
  changeRecord,
  type ContainerRecord,
  type ContainerState,
} from "../storage/container_record.ts";
import { logEvents } from "../storage/event_log.ts";
import { findContainer } from "../storage/find_container.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";

type RunningState = Extract<ContainerState, { status: "running" }>;

/**
 * Stops all processes of a container where they are, and returns when they have stopped.
 * @throws TsboxError "not-found", "invalid-state" in docker's words, "host" when it has no group that could be frozen
 */
export async function pauseContainer(context: EngineContext, text: string): Promise<void> {
  const { record, directory } = findContainer(context.dataRoot, text);
  const state = runningState(record);
  if (state.paused) throw wrong(`Container ${record.id} is already paused`);
  if (state.cgroup === undefined) throw withoutGroup(text, record);
  const { cgroup } = state;
  try {
    // First the record: who is killed in between leaves a container that says it is paused, which `unpause` mends.
    // One that was frozen and did not say so would only hang.
    if (!markPaused(directory, state, true, () => freeze(cgroup))) return;
    await waitFrozen(cgroup);
  } catch (error) {
    resume(directory, { ...state, paused: true });
    throw error;
  }
  logEvents(context.dataRoot, [containerEvent(record, "pause")]);
}

/** Lets the processes of a paused container go on. @throws TsboxError "not-found", "invalid-state" */
export function unpauseContainer(context: EngineContext, text: string): void {
  const { record, directory } = findContainer(context.dataRoot, text);
  const state = runningState(record);
  if (!state.paused || state.cgroup === undefined) {
    throw wrong(`Container ${record.id} is not paused`);
  }
  resume(directory, state);
  logEvents(context.dataRoot, [containerEvent(record, "unpause")]);
}

/** Lets a container go on that may be paused: else no signal but SIGKILL has an effect. */
export function resume(directory: string, state: ContainerState | undefined): void {
  if (state?.status !== "running" || !state.paused || state.cgroup === undefined) return;
  const { cgroup } = state;
  markPaused(directory, state, false, () => thaw(cgroup));
}

/**
 * Marks a container that is in the same life as before, and does what the mark says.
 * @returns false when that life is over
 */
function markPaused(
  directory: string,
  { pid, pidStart }: RunningState,
  paused: boolean,
  act: () => void,
): boolean {
  let marked = false;
  const mark = (record: ContainerRecord): ContainerRecord => {
    const { state } = record;
    marked = state.status === "running" && state.pid === pid && state.pidStart === pidStart;
    if (!marked || state.status !== "running") return record;
    // Whoever is killed between the two leaves a record that says "paused".
    if (!paused) act();
    return { ...record, state: { ...state, paused } };
  };
  changeRecord(directory, mark, () => marked && paused ? act() : undefined);
  return marked;
}

function runningState({ id, state }: ContainerRecord): RunningState {
  if (state.status === "running") return state;
  if (state.status === "restarting") {
    throw wrong(`Container ${id} is restarting, wait until the container is running`);
  }
  throw wrong(`Container ${id} is not running`);
}

function wrong(message: string): TsboxError {
  return new TsboxError("invalid-state", message);
}

/** Why a running container has no group. */
export function withoutGroup(text: string, { options }: ContainerRecord): TsboxError {
  const own = options.remove && !options.detach && !options.tty;
  return new TsboxError("host", `Container ${text} has no control group of its own`, {
    hint: own
      ? "it belongs to the 'tsbox run --rm' that started it: start it with -d, or without --rm"
      : "none was delegated to this user when it was started: see 'tsbox doctor', then restart it",
  });
}
