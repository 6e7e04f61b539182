/**
 * The monitor role: runs one container that is not attached to a command, from its start to its last end.
 *
 * There is no daemon: one such process per running container holds its lock, its streams, its log.
 */
import { parseSignal } from "../../container/signals.ts";
import { nextPause, startsAgain } from "../../container/restart_policy.ts";
import type { RunOptions } from "../../container/run_options.ts";
import { monotonicClock } from "../../ffi/clock.ts";
import { closeFile, readOpenFile } from "../../ffi/quick_files.ts";
import { type ContainerRecord, readRecord } from "../../storage/container_record.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import { deleteContainer, type NewContainer } from "../../storage/containers.ts";
import { logEvents } from "../../storage/event_log.ts";
import { dropSpare, keepSpare } from "../../storage/spare_record.ts";
import { TsboxError } from "../../errors.ts";
import { takeAnonymousVolumes } from "../anonymous_volumes.ts";
import type { EngineContext } from "../context.ts";
import { discardTrees } from "../discard_trees.ts";
import { containerEvent } from "../events/container_event.ts";
import { keepFailed } from "../run.ts";
import { writeCidfile } from "../run/cidfile.ts";
import { create } from "../run/create.ts";
import type { RunHost } from "../run/host.ts";
import { type Progress, runOnce } from "../run/once.ts";
import { type Given, prepareRun, userNamespace } from "../run/preparation.ts";
import { statusOf } from "../run/status.ts";
import { answerOf } from "../worker_jobs.ts";
import { ControlGroup } from "./control_group.ts";
import { Hub } from "./hub.ts";
import { type Ends, monitoredLife } from "./life.ts";
import { begun, isStopWanted, keepEnd } from "./kept_record.ts";
import { driverOf } from "./kept_driver.ts";
import type { ContainerLog } from "./container_log.ts";
import { openLog } from "./log.ts";
import { MONITOR_FD, type MonitorRequest } from "./request.ts";
import { lockToStart } from "./start_lock.ts";
import { type StatusLine, StatusPipe } from "./status_pipe.ts";
import { Stopper } from "./stopper.ts";

/** Milliseconds after which a life is not going to end at once. */
const SETTLED = 1000;
/** Seconds that the starter has to attach. */
const ATTACH_TIME = 10;
/** Milliseconds between looks whether the starter, who attaches at once, lives. */
const LOOK = 20;

/** A container and what the monitor knows of it between lives. */
interface Monitored {
  container: NewContainer;
  options: RunOptions;
  imageId: string;
  previous?: ContainerRecord | undefined;
}

/**
 * Reads the request, runs the container, and returns when it is over for good.
 * @param env the caller's environment, in which the container's network helper is looked for
 */
export async function monitorMain(env: EngineContext["env"]): Promise<number> {
  const request = readRequest();
  if (request === undefined) return 0;
  const status = new StatusPipe(MONITOR_FD.status);
  try {
    await monitor(request, env, status);
    return 0;
  } catch (error) {
    status.failed(answerOf(error));
    return 1;
  }
}

/**
 * Runs a container until it is over for good.
 * @param image of the job, when it is known already
 * @throws TsboxError why it could not be started
 */
export async function monitor(
  request: MonitorRequest,
  env: EngineContext["env"],
  status: StatusLine,
  image?: StoredImage,
): Promise<void> {
  try {
    await new Monitor(request, env, status, image).run();
  } catch (error) {
    const { explainFailure } = await import("../../rootless/remedies.ts");
    const { explainLostLayers } = await import("../run/lost_layers.ts");
    const { context, job } = request;
    const image = job.kind === "run"
      ? job.options.image
      : readRecord(`${context.dataRoot}/containers/${job.id}`)?.image.id ?? "";
    throw explainFailure(explainLostLayers(error, image, { ...context, env }));
  }
}

/** From our starter, which is ourselves: it is not checked again. Undefined when that has changed its mind, or died. */
function readRequest(): MonitorRequest | undefined {
  const bytes = readOpenFile(MONITOR_FD.request, "the request");
  closeFile(MONITOR_FD.request);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as MonitorRequest;
  } catch {
    return undefined;
  }
}

class Monitor {
  readonly #request: MonitorRequest;
  readonly #context: EngineContext;
  readonly #host: RunHost;
  readonly #status: StatusLine;
  readonly #stopper = new Stopper();
  /** What the first life finds ready. */
  #first: Pick<Given, "image" | "userns"> = {};
  #self: MonitorRequest["self"] | undefined;
  #hub: Hub | undefined;
  #group: ControlGroup | undefined;
  #sleep: NodeJS.Timeout | undefined;
  #log: ContainerLog | undefined;
  /** Of the latest life, or of the start that failed: what those who wait are told, whatever else fails. */
  #exitCode = 0;

  constructor(
    request: MonitorRequest,
    env: EngineContext["env"],
    status: StatusLine,
    image: StoredImage | undefined,
  ) {
    this.#request = request;
    this.#first = { image };
    this.#context = { ...request.context, env };
    this.#status = status;
    const own = () => this.#ownCommand();
    this.#host = {
      get self() {
        return own();
      },
      userName: request.userName,
      notice: (text) => status.send({ kind: "notice", text }),
      print: () => {},
    };
  }

  /** Asked for when there is time, but no later: by the end of the container our executable may have been replaced. */
  #ownCommand(): MonitorRequest["self"] {
    return this.#self ??= this.#request.self;
  }

  async run(): Promise<void> {
    const it = await this.#container();
    const { container, options } = it;
    try {
      if (options.cidfile !== undefined && it.previous === undefined) {
        writeCidfile(options.cidfile, container.id);
      }
      await this.#serve(it);
    } finally {
      this.#log?.close();
      this.#group?.leave();
      // Without a record it never got as far as being a container.
      const unmade = readRecord(container.directory) === undefined;
      if (options.remove || unmade) await this.#discard(container);
      else dropSpare(container.directory);
      container.lock.release();
      // Last: who waited for the end may use the name again at once.
      this.#hub?.ended(this.#exitCode);
      await this.#hub?.close();
    }
  }

  /** Makes the container, or takes the one that was made before. */
  async #container(): Promise<Monitored> {
    const { job } = this.#request;
    if (job.kind === "run") {
      const { options, imageId } = job;
      return { container: await create(options.name, this.#context, this.#host), options, imageId };
    }
    const directory = `${this.#context.dataRoot}/containers/${job.id}`;
    const lock = await lockToStart(directory);
    const previous = readRecord(directory);
    if (lock === undefined || previous === undefined) {
      lock?.release();
      throw new TsboxError("invalid-state", `Cannot start container ${job.id}: it is in use`, {
        hint: "it runs already, or is being started or removed",
      });
    }
    const { id, name, options, image } = previous;
    const container = { id, name, directory, lock };
    return { container, options, imageId: image.id, previous: begun(directory, previous) };
  }

  /** Life after life. */
  async #serve(it: Monitored): Promise<void> {
    const { container, options } = it;
    // Who looks for a container that is there already shall find it. A new one nobody knows of yet.
    if (this.#request.attached || it.previous !== undefined) {
      const { hub } = await this.#ends(it);
      if (this.#request.attached) await this.#awaitStarter(hub, container.id);
    }
    this.#stopper.obeySignals();
    // Whoever keeps it for the containers to come must not keep this one's scope.
    this.#first.userns = userNamespace(options, this.#context, this.#host);
    this.#group = await ControlGroup.open(container.id, options, this.#context);
    let { previous } = it;
    for (let pause: number | undefined;;) {
      this.#stopper.begin();
      const begin = monotonicClock();
      // Limits and the policy may have been changed meanwhile.
      const record = await this.#live({ ...it, previous, options: previous?.options ?? options });
      const lasted = monotonicClock() - begin;
      const exitCode = this.#exitCode = record.state.status === "exited"
        ? record.state.exitCode
        : 0;
      const restarts = record.restartCount ?? 0;
      if (isStopWanted(container.directory)) this.#stopper.stopped();
      const { stoppedByUser, restarting, shutDown } = this.#stopper;
      record.stoppedByUser = stoppedByUser && !shutDown;
      const { options: now } = readRecord(container.directory) ?? record;
      const again = restarting ||
        startsAgain(now.restart, { exitCode, lasted, restarts, stoppedByUser });
      if (!again) {
        return keepEnd(container.directory, record);
      }
      const { state } = record;
      previous = {
        // As it is by now: a command may have changed it.
        ...(readRecord(container.directory) ?? record),
        state,
        stoppedByUser: false,
        ...(!restarting && { restartCount: restarts + 1 }),
      };
      if (!restarting) {
        pause = nextPause(pause, lasted);
        if (!await this.#pause(pause, container.directory, previous)) return;
      }
    }
  }

  /** The log and the socket, which outlive each life. */
  async #ends({ container: { id, directory }, options, previous }: Monitored): Promise<Ends> {
    const isNew = previous === undefined;
    const log = this.#log ??= await openLog(directory, id, options.log);
    const exec = { id, context: this.#context, cold: () => this.#goToSleep() };
    const hub = this.#hub ??= new Hub(directory, isNew, this.#stopper, exec);
    return { hub, log };
  }

  async #awaitStarter(hub: Hub, id: string): Promise<void> {
    const attached = hub.attached().then(() => true);
    this.#status.send({ kind: "listening", id });
    const deadline = performance.now() + ATTACH_TIME * 1000;
    while (!await Promise.race([attached, Bun.sleep(LOOK).then(() => false)])) {
      if (!this.#status.isOrphaned && performance.now() < deadline) continue;
      throw new TsboxError("cancelled", "Cannot start the container: nobody attached to it");
    }
  }

  /** Between two lives; false when the user did not want to wait for the next one. */
  async #pause(
    milliseconds: number,
    directory: string,
    record: ContainerRecord,
  ): Promise<boolean> {
    const { state } = record;
    if (state.status !== "exited") return true;
    const { exitCode, startedAt, finishedAt } = state;
    const waiting = { status: "restarting", exitCode, startedAt, finishedAt } as const;
    keepEnd(directory, { ...record, state: waiting });
    this.#hub?.ended(exitCode);
    if (await this.#stopper.sleep(milliseconds)) {
      if (!isStopWanted(directory)) return true;
      this.#stopper.stopped();
    }
    keepEnd(directory, { ...record, stoppedByUser: this.#stopper.stoppedByUser });
    return false;
  }

  /** One life. Returns the record with its end, which is not written yet. */
  async #live(it: Monitored): Promise<ContainerRecord> {
    const { container, options, imageId, previous } = it;
    const session = monitoredLife(options, {
      size: this.#hub?.size,
      ends: () => this.#ends(it),
      started: (running) => {
        this.#status.started(container.id);
        if (progress.record !== undefined) this.#log?.begin(progress.record);
        const signal = parseSignal(progress.record?.stopSignal || "TERM");
        this.#stopper.watch(running, options, signal, () => this.#group?.thaw());
        keepSpare(container.directory);
        this.#ownCommand();
        this.#group?.watchMemory(() => {
          const { record } = progress;
          if (record === undefined) return;
          logEvents(this.#context.dataRoot, [containerEvent(record, "oom")]);
        });
        this.#goToSleep();
      },
    });
    const progress: Progress = {};
    let preparation;
    try {
      const given = { session, imageId, cgroup: await this.#group?.begin(options), ...this.#first };
      this.#first = {};
      const context = { ...this.#context, ...driverOf(previous) };
      preparation = await prepareRun(options, context, this.#host, given);
      await runOnce({ ...preparation, container, previous }, progress);
      if (progress.record === undefined) throw new Error("a life without a record");
      return progress.record;
    } catch (error) {
      this.#exitCode = statusOf(error);
      const record = progress.record ?? previous;
      if (previous === undefined && record?.state.status === "created") {
        logEvents(this.#context.dataRoot, [containerEvent(record, "create")]);
      }
      if (record !== undefined && !options.remove) keepFailed(container.directory, record, error);
      this.#stopper.failed(error);
      throw error;
    } finally {
      preparation?.giveUp();
      this.#stopper.unwatch();
      await this.#group?.end();
    }
  }

  /** Once the start is over there is little to do for a long time. */
  #goToSleep(): void {
    clearTimeout(this.#sleep);
    this.#sleep = setTimeout(() => {
      // What cannot be given back is kept.
      void import("../../ffi/idle_memory.ts").then(({ releaseMemory }) => releaseMemory())
        .catch(() => {});
    }, SETTLED);
    this.#sleep.unref();
  }

  async #discard(container: NewContainer): Promise<void> {
    // It may have been renamed.
    const record = readRecord(container.directory);
    const { name, otherName } = record ?? { name: container.name };
    const trees = await takeAnonymousVolumes(this.#context, container.directory);
    const rest = deleteContainer(this.#context.dataRoot, {
      ...container,
      name,
      otherName,
    });
    if (record !== undefined) {
      logEvents(this.#context.dataRoot, [containerEvent(record, "destroy")]);
    }
    if (rest !== undefined) trees.push(rest);
    if (trees.length > 0) await discardTrees(trees, this.#context, this.#ownCommand());
  }
}
