/**
 * `run -d` and `start` where the executable's first instructions have parted us from the process that the user has
 * started, which does nothing but wait: the command line becomes the container's monitor. To start Bun a second time
 * takes a third of all the time.
 */
import type { RunOptions } from "../../container/run_options.ts";
import { leaveCaller, showAs } from "../../ffi/leave_caller.ts";
import { isHungUp } from "../../ffi/readiness.ts";
import { StandardStreams } from "../../ffi/standard_streams.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import type { EngineContext } from "../context.ts";
import { ensureRuntimeDir } from "../runtime_dir.ts";
import type { RunHost } from "../run/host.ts";
import { imageOfRun, jobOf } from "../run/job.ts";
import { monitor } from "./monitor_main.ts";
import { MONITOR, type MonitorJob, monitorRequest, type MonitorStatus } from "./request.ts";
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
  host.pulling = () => pulled = true;
  const image = await imageOfRun(options, context, host);
  const job = jobOf(options, image);
  if (!pulled) return await monitorHere(job, context, host, caller, image);
  // What a pull has loaded would stay for as long as the container runs.
  const { startDetachedJob } = await import("../run_monitored.ts");
  return caller.told(startDetachedJob(job, context, host));
}

/**
 * Makes this process the monitor of a container, and resolves when that is over for good.
 * @param image of the job, when it is known already
 * @throws TsboxError why it could not be started; our streams are the caller's again then
 */
export async function monitorHere(
  job: MonitorJob,
  context: EngineContext,
  host: RunHost,
  caller: Caller,
  image?: StoredImage,
): Promise<number> {
  ensureRuntimeDir(context.runtimeDir, context.uid);
  leaveCaller(NAME);
  const streams = new StandardStreams();
  const line = new CallerLine(streams, host, caller);
  try {
    await monitor(monitorRequest(job, false, context, host), context.env, line, image);
  } catch (error) {
    if (!line.runs) {
      streams.restore();
      line.sayNotices();
      throw error;
    }
  }
  await line.told;
  return 0;
}

/** What the monitor is shown as, with its role behind it. */
const NAME = "tsbox";

/** Milliseconds between looks whether the caller's output takes something again. */
const LOOK = 20;

/**
 * What the caller is told, by the monitor itself. It never waits for that: who reads the caller's output may take his
 * time, or have stopped his terminal, and the container is to be looked after.
 */
class CallerLine implements StatusLine {
  readonly isOrphaned = false;
  readonly #streams: StandardStreams;
  readonly #host: RunHost;
  readonly #caller: Caller;
  readonly #notices: string[] = [];
  /** Resolves when the caller knows that the container runs, or is gone. */
  told: Promise<void> | undefined;

  constructor(streams: StandardStreams, host: RunHost, caller: Caller) {
    this.#streams = streams;
    this.#host = host;
    this.#caller = caller;
  }

  get runs(): boolean {
    return this.told !== undefined;
  }

  send(status: MonitorStatus): void {
    if (status.kind !== "notice" || this.runs) return;
    this.#notices.push(status.text);
    if (this.#streams.areReady) this.#streams.use(() => this.sayNotices());
  }

  started(id: string): void {
    this.told ??= this.#tell(id);
  }

  /** Says what there was no room for. The streams are in their places. */
  sayNotices(): void {
    for (const text of this.#notices.splice(0)) {
      try {
        this.#host.notice(text);
      } catch {
        // Where nobody can read warnings the container is started all the same.
      }
    }
  }

  async #tell(id: string): Promise<void> {
    const { starter, told } = this.#caller;
    // Until now the process that the user has started was there with the same words. It may end as soon as it is told.
    showAs([NAME, MONITOR]);
    while (!this.#streams.areReady && !isHungUp(starter)) await Bun.sleep(LOOK);
    if (!isHungUp(starter)) {
      this.#streams.use(() => {
        this.sayNotices();
        release(starter, told(id));
      });
    } else release(starter, 0);
    this.#streams.close();
  }
}
