/** Has jobs done by workers: our own executable as root of the user namespace. */
import { closeSync } from "node:fs";
import { sendSignal } from "../ffi/process.ts";
import { readNow, setNonBlocking, writeNow } from "../ffi/pipes.ts";
import { SIGKILL } from "../ffi/constants.ts";
import type { UserNamespace } from "../rootless/user_namespace.ts";
import { type SelfCommand, startWorker, type Worker } from "../rootless/worker.ts";
import { TsboxError } from "../errors.ts";
import { resultOf, type WorkerJob } from "./worker_jobs.ts";

/** A job that is being done. */
export interface RunningJob {
  /** Resolves with the result as the worker gave it. @throws TsboxError: the worker's, or that it died */
  result: Promise<unknown>;
  /** Gives the worker a line; false when its pipe is full now. Lines after its end are dropped. */
  tell(line: string): boolean;
  /** Kills it: for a caller that gives up. */
  stop(): void;
}

/** Milliseconds between two looks at what a worker says. */
const LOOK_MS = 50;

/**
 * Starts a worker on a job.
 * @param onLine told of every line before the answer
 * @throws SyscallError when it cannot be started
 */
export function startJob(
  job: WorkerJob,
  userns: UserNamespace,
  self: SelfCommand,
  onLine: (line: string) => void = () => {},
): RunningJob {
  const worker = startWorker(userns, self, [JSON.stringify(job)]);
  setNonBlocking(worker.stdin);
  setNonBlocking(worker.stdout);
  const encoder = new TextEncoder();
  let open = true;
  const result = answer(worker, onLine).finally(() => {
    open = false;
    closeSync(worker.stdin);
    closeSync(worker.stdout);
  });
  return {
    result,
    tell: (line) => !open || writeNow(worker.stdin, encoder.encode(`${line}\n`)) !== "full",
    stop: () => {
      if (open) sendSignal(worker.pid, SIGKILL);
    },
  };
}

async function answer(worker: Worker, onLine: (line: string) => void): Promise<unknown> {
  const lines = new LineReader(worker.stdout, onLine);
  // The timer also keeps the event loop alive, which waiting for a signal does not.
  const timer = setInterval(() => lines.read(), LOOK_MS);
  try {
    const ending = await worker.exited;
    lines.read();
    if (lines.last.startsWith("{")) return resultOf(lines.last);
    const how = ending.kind === "exited" ? `status ${ending.code}` : `signal ${ending.signal}`;
    throw new TsboxError("host", `The worker in the user namespace ended early, with ${how}`);
  } finally {
    clearInterval(timer);
  }
}

/** Reads what a pipe holds; the answer is a line that begins with `{`. */
class LineReader {
  readonly #fd: number;
  readonly #onLine: (line: string) => void;
  readonly #buffer = new Uint8Array(65536);
  readonly #decoder = new TextDecoder();
  #unread = "";
  last = "";

  constructor(fd: number, onLine: (line: string) => void) {
    this.#fd = fd;
    this.#onLine = onLine;
  }

  read(): void {
    for (;;) {
      const count = readNow(this.#fd, this.#buffer);
      if (count === undefined || count === 0) return;
      this.#unread += this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      const lines = this.#unread.split("\n");
      this.#unread = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    }
  }

  #take(line: string): void {
    this.last = line;
    if (!line.startsWith("{")) this.#onLine(line);
  }
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
