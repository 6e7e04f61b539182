/** `run -d`, and every `run` that others may look at or leave: by a monitor of the container's own. */
import type { RunOptions } from "../container/run_options.ts";
import { TsboxError } from "../errors.ts";
import { announce, type AttachEnd, type AttachOptions, serveUser } from "./attach_client.ts";
import type { EngineContext } from "./context.ts";
import { connectMonitor } from "./monitor/connection.ts";
import type { MonitorJob } from "./monitor/request.ts";
import {
  type IdleMonitor,
  idleMonitor,
  type StartedMonitor,
  startMonitor,
} from "./monitor/start_monitor.ts";
import type { RunHost } from "./run/host.ts";
import { runJob } from "./run/job.ts";

export { idleMonitor };

/**
 * Starts a container in the background, pulling its image where needed; returns its id when it runs.
 * @param monitor one that was started before the options were known
 * @throws TsboxError why it could not be started
 */
export async function runDetached(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
  monitor: IdleMonitor,
): Promise<string> {
  const job = await runJob(options, context, host);
  return idOf(monitor.ask(job, false, context, host));
}

/** The same for a container that was made before. */
export function startDetachedContainer(id: string, context: EngineContext, host: RunHost): string {
  return startDetachedJob({ kind: "start", id }, context, host);
}

/** The same for what else a monitor can be asked to run. */
export function startDetachedJob(job: MonitorJob, context: EngineContext, host: RunHost): string {
  return idOf(startMonitor(job, false, context, host));
}

function idOf(monitor: StartedMonitor): string {
  try {
    return monitor.next();
  } finally {
    monitor.close();
  }
}

/** Runs a container attached and says how that ended. @throws TsboxError when it could not be started */
export async function runAttached(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<AttachEnd> {
  const { tty, interactive, sigProxy, detachKeys } = options;
  return await startAndServe(await runJob(options, context, host), context, host, {
    tty,
    stdin: interactive,
    owner: true,
    sigProxy,
    detachKeys,
    notice: host.notice,
  });
}

/** Starts by a job and serves the user until the container has ended. */
export async function startAndServe(
  job: MonitorJob,
  context: EngineContext,
  host: RunHost,
  options: AttachOptions,
): Promise<AttachEnd> {
  const monitor = startMonitor(job, true, context, host);
  try {
    const id = monitor.next();
    const connection = await connectMonitor(`${context.dataRoot}/containers/${id}`);
    if (connection === undefined) {
      throw new TsboxError("host", "Cannot attach to the new container");
    }
    await announce(connection, options);
    // The user's terminal stays as it is until there is something to use it for.
    monitor.next();
    return await serveUser(connection, options);
  } finally {
    monitor.close();
  }
}
