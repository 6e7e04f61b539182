/** What the command line asks of a monitor that it starts, and what it hears from it until the container runs. */
import type { ExecOptions } from "../../container/exec_options.ts";
import type { RunOptions } from "../../container/run_options.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import type { EngineContext } from "../context.ts";
import type { RunHost } from "../run/host.ts";
import type { WorkerAnswer } from "../worker_jobs.ts";

/** First argument of a process that is a monitor. */
export const MONITOR = "@monitor";

/** Descriptors a monitor is started with. */
export const MONITOR_FD = { status: 3, request: 4 } as const;

/** The whole request, as JSON on a pipe, to its end. The environment is the caller's own. */
export interface MonitorRequest {
  context: Omit<EngineContext, "env">;
  /** How to start this executable as a worker. */
  self: SelfCommand;
  userName?: string | undefined;
  /** Waits for its starter to attach before the container starts: nothing of its output may be missed. */
  attached: boolean;
  job: MonitorJob;
}

/** What a monitor is asked, in the words of whoever asks. The environment it has already. */
export function monitorRequest(
  job: MonitorJob,
  attached: boolean,
  { env: _, ...context }: EngineContext,
  host: RunHost,
): MonitorRequest {
  return {
    context,
    // Asked for when it is needed: to find out where our executable is takes a moment.
    get self() {
      return host.self;
    },
    userName: host.userName,
    attached,
    job,
  };
}

export type MonitorJob =
  /** Makes a container and runs it. `imageId` is empty with `--rootfs`. */
  | { kind: "run"; options: RunOptions; imageId: string }
  /** Runs one that was made before. */
  | { kind: "start"; id: string };

/** A line of JSON on the status pipe. The pipe's end without `started` or `failed` means that the monitor died. */
export type MonitorStatus =
  | { kind: "notice"; text: string }
  /** The socket is there; comes only when somebody shall attach. */
  | { kind: "listening"; id: string }
  | { kind: "started"; id: string; warnings?: readonly string[] }
  | ({ kind: "failed" } & WorkerAnswer);

/** A command to be executed for somebody who waits for its end. */
export interface MonitoredExec {
  options: ExecOptions;
  /** Who asks: its descriptors become the command's standard ones. */
  pid: number;
  descriptors: readonly [number, number, number];
}

/** What became of it; or nothing was done, and the caller has to do it. */
export type ExecAnswer = { status: number } | "declined";

/** The first frame of a client on the monitor's socket. */
export type ClientRequest =
  | {
    op: "attach";
    stdin: boolean;
    /** Started the container and belongs to it: when this client dies, the container is killed. */
    owner: boolean;
    /** Of the user's terminal. */
    size?: { rows: number; columns: number } | undefined;
  }
  /** Never answered: the connection ends when the container is over, and nothing more comes into its log. */
  | { op: "follow" }
  /** Answered with the exit code when the container's process has ended the next time. */
  | { op: "wait" }
  /** The user wants the container to be over: it is not started again. Answered at once. */
  | { op: "stopped" }
  /** Runs a command in the container. Answered when that has ended, or at once when the monitor does not do it. */
  | ({ op: "exec" } & MonitoredExec)
  /** A command was executed in the container, and more may follow: the monitor could do these. Never answered. */
  | { op: "warm" }
  /** Stops the container and starts it again. Answered when it runs. `seconds`: before SIGKILL, -1 is never. */
  | { op: "restart"; seconds?: number | undefined };

/** The socket of a container's monitor, below a descriptor of its directory: sun_path is short, stores may be deep. */
export function monitorSocket(directoryFd: number): string {
  return `/proc/self/fd/${directoryFd}/monitor.sock`;
}

/**
 * A link to it that is there while the monitor is ready to do an exec. Named so since monitors know "quick-exec": who
 * sends that finds no older one.
 */
export function execSocket(directoryFd: number): string {
  return `/proc/self/fd/${directoryFd}/execute.sock`;
}
