/**
 * A few workers that go on to the next job when they have done one.
 *
 * A new process for every job would start Bun and compile the same code again; that costs as much as
 * unpacking a thousand files.
 */
import type { UserNamespace } from "../rootless/user_namespace.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { TsboxError } from "../errors.ts";
import type { WorkerJob } from "./worker_jobs.ts";
import { type RunningJob, WorkerProcess } from "./worker_process.ts";

export class WorkerPool {
  readonly #userns: () => UserNamespace;
  readonly #self: SelfCommand;
  readonly #idle: WorkerProcess[] = [];
  readonly #queue: PromiseWithResolvers<void>[] = [];
  #free: number;

  /** @param size how many jobs are done at a time @param userns called when the first worker starts */
  constructor(userns: () => UserNamespace, self: SelfCommand, size: number) {
    this.#userns = userns;
    this.#self = self;
    this.#free = size;
  }

  /**
   * Resolves when a worker has begun with the job.
   * @param onLine told of every line before the answer
   * @throws SyscallError when a worker cannot be started, TsboxError "cancelled" when `signal` is aborted before
   */
  async start(
    job: WorkerJob,
    signal: AbortSignal,
    onLine: (line: string) => void,
  ): Promise<RunningJob> {
    await this.#turn(signal);
    try {
      const worker = this.#workerFor(JSON.stringify(job));
      const running = worker.answer(onLine);
      running.result.then(() => this.#idle.push(worker), () => worker.close())
        .finally(() => this.#next());
      return running;
    } catch (error) {
      this.#next();
      throw error;
    }
  }

  /** Lets idle workers end; to be called when all jobs are done. */
  close(): void {
    for (const worker of this.#idle.splice(0)) worker.close();
  }

  #workerFor(job: string): WorkerProcess {
    const idle = this.#idle.pop();
    if (idle?.give(job)) return idle;
    idle?.close();
    return new WorkerProcess(this.#userns(), this.#self, [job, "more"]);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const turn = Promise.withResolvers<void>();
    this.#queue.push(turn);
    const leave = () => {
      const at = this.#queue.indexOf(turn);
      if (at < 0) return;
      this.#queue.splice(at, 1);
      turn.reject(new TsboxError("cancelled", "Cannot start a worker: cancelled"));
    };
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #next(): void {
    const turn = this.#queue.shift();
    if (turn === undefined) this.#free++;
    else turn.resolve();
  }
}
