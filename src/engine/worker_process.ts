/** A worker as the engine sees it: lines go in, lines come out, and in the end it is gone. */
import { closeSync } from "node:fs";
import { SIGKILL } from "../ffi/constants.ts";
import { readNow, setNonBlocking, writeNow } from "../ffi/pipes.ts";
import { type Ending, sendSignal } from "../ffi/process.ts";
import type { UserNamespace } from "../rootless/user_namespace.ts";
import {
  type SelfCommand,
  startWorker,
  type Worker,
  type WorkerPlace,
} from "../rootless/worker.ts";
import { TsboxError } from "../errors.ts";
import { resultOf } from "./worker_jobs.ts";

/** A job that is being done. */
export interface RunningJob {
  /** Resolves with the result as the worker gave it. @throws TsboxError: the worker's, or that it died */
  result: Promise<unknown>;
  /** The process that does it. */
  pid: number;
  /** Gives the worker a line; false when its pipe is full now. Lines after its end are dropped. */
  tell(line: string): boolean;
  /** Kills the worker: for a caller that gives up. */
  stop(): void;
}

/** Milliseconds between two looks at what a worker says. */
const LOOK_MS = 10;

/** Bytes that a pipe takes whole or not at all. */
const PIPE_BUF = 4096;

/** The answer that is awaited. */
interface Awaited extends PromiseWithResolvers<unknown> {
  onLine: (line: string) => void;
}

export class WorkerProcess {
  readonly #worker: Worker;
  readonly #lines: LineReader;
  readonly #encoder = new TextEncoder();
  // The timer also keeps the event loop alive, which waiting for a signal does not.
  readonly #timer: ReturnType<typeof setInterval>;
  #awaited: Awaited | undefined;
  #inputIsOpen = true;
  #isGone = false;

  /**
   * @param args the first job, and `more` when others may be given
   * @param place what it has beside its standard descriptors
   * @throws SyscallError when it cannot be started
   */
  constructor(
    userns: UserNamespace,
    self: SelfCommand,
    args: readonly string[],
    place?: WorkerPlace,
  ) {
    this.#worker = startWorker(userns, self, args, place);
    setNonBlocking(this.#worker.stdin);
    setNonBlocking(this.#worker.stdout);
    this.#lines = new LineReader(this.#worker.stdout, (line) => this.#take(line));
    this.#timer = setInterval(() => this.#lines.read(), LOOK_MS);
    void this.#worker.exited.then((ending) => this.#ended(ending));
  }

  /** The job that the worker was given. @param onLine told of every line before the answer */
  answer(onLine: (line: string) => void): RunningJob {
    const awaited: Awaited = { ...Promise.withResolvers<unknown>(), onLine };
    this.#awaited = awaited;
    const isOn = () => this.#awaited === awaited;
    return {
      result: awaited.promise,
      pid: this.#worker.pid,
      tell: (line) => !isOn() || this.#write(line) !== "full",
      stop: () => {
        if (isOn() && !this.#isGone) sendSignal(this.#worker.pid, SIGKILL);
      },
    };
  }

  /** Gives it another line that begins a job; false when it cannot take it: it died, or the line is long. */
  give(line: string): boolean {
    return line.length < PIPE_BUF / 4 && this.#write(line) === "written";
  }

  /** Says that there are no more jobs: it ends. */
  close(): void {
    if (this.#inputIsOpen) closeSync(this.#worker.stdin);
    this.#inputIsOpen = false;
  }

  #write(line: string): "written" | "full" | "closed" {
    if (!this.#inputIsOpen) return "closed";
    return writeNow(this.#worker.stdin, this.#encoder.encode(`${line}\n`));
  }

  #take(line: string): void {
    const awaited = this.#awaited;
    if (awaited === undefined) return;
    if (!line.startsWith("{")) return awaited.onLine(line);
    this.#awaited = undefined;
    try {
      awaited.resolve(resultOf(line));
    } catch (error) {
      awaited.reject(error);
    }
  }

  #ended(ending: Ending): void {
    this.#isGone = true;
    clearInterval(this.#timer);
    this.#lines.read();
    this.close();
    closeSync(this.#worker.stdout);
    const how = ending.kind === "exited" ? `status ${ending.code}` : `signal ${ending.signal}`;
    this.#awaited?.reject(
      new TsboxError("host", `The worker in the user namespace ended early, with ${how}`),
    );
    this.#awaited = undefined;
  }
}

/** Reads what a pipe holds, line by line. */
class LineReader {
  readonly #fd: number;
  readonly #onLine: (line: string) => void;
  readonly #buffer = new Uint8Array(65536);
  readonly #decoder = new TextDecoder();
  #unread = "";

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
      lines.forEach(this.#onLine);
    }
  }
}
