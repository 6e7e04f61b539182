/** Has jobs done by workers: our own executable as root of the user namespace. */
import type { UserNamespace } from "../rootless/user_namespace.ts";
import type { SelfCommand, WorkerPlace } from "../rootless/worker.ts";
import type { WorkerJob } from "./worker_jobs.ts";
import { type RunningJob, WorkerProcess } from "./worker_process.ts";

export type { RunningJob };

/**
 * Starts a worker on a job; it ends with it.
 * @param onLine told of every line before the answer
 * @throws SyscallError when it cannot be started
 */
export function startJob(
  job: WorkerJob,
  userns: UserNamespace,
  self: SelfCommand,
  onLine: (line: string) => void = () => {},
): RunningJob {
  return new WorkerProcess(userns, self, [JSON.stringify(job)]).answer(onLine);
}

/**
 * Starts a worker that writes to a descriptor of ours, or reads from it.
 * @throws SyscallError when it cannot be started
 */
export function startFileJob(
  job: WorkerJob,
  userns: UserNamespace,
  self: SelfCommand,
  file: number,
): RunningJob {
  return startPlacedJob(job, userns, self, () => [file]);
}

/**
 * Starts a worker on a job with more than its standard descriptors.
 * @throws SyscallError when it cannot be started
 */
export function startPlacedJob(
  job: WorkerJob,
  userns: UserNamespace,
  self: SelfCommand,
  place: WorkerPlace,
): RunningJob {
  return new WorkerProcess(userns, self, [JSON.stringify(job)], place).answer(() => {});
}

/**
 * Deletes trees that hold files of foreign owners; absolute paths.
 * @throws TsboxError
 */
export async function removeTrees(
  paths: readonly string[],
  userns: UserNamespace,
  self: SelfCommand,
): Promise<void> {
  await startJob({ kind: "remove", paths }, userns, self).result;
}
