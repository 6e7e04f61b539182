/** `run`: an image becomes a running process, attached to us, until it ends. */
import type { RunOptions } from "../container/run_options.ts";
import { changeRecord, type ContainerRecord, writeRecord } from "../storage/container_record.ts";
import { logEvents } from "../storage/event_log.ts";
import { messageOf } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";
import { writeCidfile } from "./run/cidfile.ts";
import { create } from "./run/create.ts";
import { discardContainer } from "./run/discard.ts";
import type { RunHost } from "./run/host.ts";
import { type Progress, runOnce } from "./run/once.ts";
import { prepareRun, type Run } from "./run/preparation.ts";
import { statusOf } from "./run/status.ts";

export type { RunHost } from "./run/host.ts";

/** Exit status when the command succeeded, but what it wrote could not be written where the user wants it. */
const LOST_OUTPUT = 125;

/**
 * Runs a container attached and returns its exit status.
 * @throws TsboxError when it could not be started; nothing of it is left then but, without `--rm`, its record
 */
export async function run(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<number> {
  try {
    return await runPrepared(options, context, host);
  } catch (error) {
    const { explainFailure } = await import("../rootless/remedies.ts");
    const { explainLostLayers } = await import("./run/lost_layers.ts");
    throw explainFailure(explainLostLayers(error, options.image, context));
  }
}

async function runPrepared(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<number> {
  const preparation = await prepareRun(options, context, host);
  try {
    const container = await create(options.name, context, host);
    try {
      return await runCreated({ ...preparation, container });
    } finally {
      container.lock.release();
    }
  } finally {
    preparation.giveUp();
  }
}

async function runCreated(it: Run): Promise<number> {
  const { options, container, userns, context, host } = it;
  const progress: Progress = options.remove ? { held: [] } : {};
  try {
    if (options.cidfile !== undefined) writeCidfile(options.cidfile, container.id);
    const { exitCode, delivered } = await runOnce(it, progress);
    if (progress.record && !options.remove) writeRecord(container.directory, progress.record);
    return exitCode === 0 && !delivered ? LOST_OUTPUT : exitCode;
  } catch (error) {
    const { record } = progress;
    if (record?.state.status === "created") {
      logEvents(context.dataRoot, [containerEvent(record, "create")]);
    }
    if (record === undefined) await discardContainer(container, userns, context, host);
    else if (!options.remove) keepFailed(container.directory, record, error);
    throw error;
  } finally {
    if (options.remove || options.debugPlan) {
      await discardContainer(container, userns, context, host, it.leave);
      const { record, held = [] } = progress;
      if (record && !options.debugPlan) {
        logEvents(context.dataRoot, [...held, containerEvent(record, "destroy")]);
      }
    }
  }
}

/** As with docker, a container that could not be started stays, so that `ps -a` and `inspect` tell why. */
export function keepFailed(directory: string, record: ContainerRecord, error: unknown): void {
  const { state } = record;
  if (state.status !== "created" && state.status !== "exited") return;
  const failed = { ...state, exitCode: statusOf(error), error: messageOf(error) };
  const there = changeRecord(directory, (now) => ({ ...now, state: failed }));
  if (there === undefined) writeRecord(directory, { ...record, state: failed });
}
