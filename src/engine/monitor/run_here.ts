/**
 * `run -d` and `start` where the executable's first instructions have parted us from the process that the user has started, which
 * does nothing but wait: the command line becomes the container's monitor. To start Bun a second time takes longer than
 * all the rest.
 */
import type { RunOptions } from "../../container/run_options.ts";
import { leaveCaller } from "../../ffi/leave_caller.ts";
import { StandardStreams } from "../../ffi/standard_streams.ts";
import type { EngineContext } from "../context.ts";
import { ensureRuntimeDir } from "../runtime_dir.ts";
import type { RunHost } from "../run/host.ts";
import { runJob } from "../run/job.ts";
import { monitor } from "./monitor_main.ts";
import { MONITOR, type MonitorJob } from "./request.ts";
import { release } from "./starter.ts";
import type { StatusLine } from "./status_pipe.ts";

/** Who waits for the container to run. */
export interface Caller {
  /** Pipe to the process that the user has started. */
  starter: number;
  /** Tells the user the id of the container, which runs; returns the exit status. */
  told(id: string): number;
}

/**
 * Starts a container in the background and resolves when that is over for good; where an image had to be pulled, when a
 * monitor of its own runs it.
 * @throws TsboxError why it could not be started
 */
export async function runHere(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
  caller: Caller,
): Promise<number> {
  let pulled = false;
  const job = await runJob(options, context, { ...host, pulling: () => pulled = true });
  if (!pulled) return await monitorHere(job, context, host, caller);
  // What a pull has loaded would stay for as long as the container runs.
  const { startDetachedJob } = await import("../run_monitored.ts");
  return caller.told(startDetachedJob(job, context, host));
}

/**
 * Makes this process the monitor of a container, and resolves when that is over for good.
 * @throws TsboxError why it could not be started; our streams are the caller's again then
 */
export async function monitorHere(
  job: MonitorJob,
  context: EngineContext,
  host: RunHost,
  caller: Caller,
): Promise<number> {
  const { env, ...rest } = context;
  const { self, userName } = host;
  ensureRuntimeDir(context.runtimeDir, context.uid);
  leaveCaller(["tsbox", MONITOR]);
  const streams = new StandardStreams();
  try {
    const request = { context: rest, self, userName, attached: false, job };
    await monitor(request, env, statusLine(streams, host, caller));
    return 0;
  } catch (error) {
    streams.restore();
    throw error;
  }
}

function statusLine(streams: StandardStreams, host: RunHost, caller: Caller): StatusLine {
  let runs = false;
  return {
    isOrphaned: false,
    send(status) {
      if (status.kind === "notice" && !runs) streams.use(() => host.notice(status.text));
    },
    started(id) {
      if (runs) return;
      runs = true;
      let exitStatus = 0;
      streams.use(() => exitStatus = caller.told(id));
      // First: who waits for the end of our output waits for its last holder.
      streams.close();
      release(caller.starter, exitStatus);
    },
  };
}
