/** Starting a monitor, and listening to it until its container runs. */
import { ERRNO } from "../../ffi/errno.ts";
import { address, raw } from "../../ffi/libc.ts";
import { pipe } from "../../ffi/process.ts";
import { closeFile } from "../../ffi/quick_files.ts";
import { startDetached } from "../../rootless/monitor_process.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { ensureRuntimeDir } from "../runtime_dir.ts";
import type { RunHost } from "../run/host.ts";
import { resultOf } from "../worker_jobs.ts";
import {
  MONITOR,
  type MonitorJob,
  type MonitorRequest,
  monitorRequest,
  type MonitorStatus,
} from "./request.ts";

/** A monitor that is about to start its container. */
export interface StartedMonitor {
  /**
   * Waits for the next word; prints warnings meanwhile.
   * @returns the container's id
   * @throws TsboxError why it could not be started
   */
  next(): string;
  close(): void;
}

/** A monitor that does not know yet what to do: it loads its code while we find that out. */
export interface IdleMonitor {
  /** Tells it. Once. */
  ask(job: MonitorJob, attached: boolean, context: EngineContext, host: RunHost): StartedMonitor;
  /** Has it end, unless it was asked for something. */
  dismiss(): void;
}

/** Starts a monitor. @throws SyscallError when no process can be made */
export function startMonitor(
  job: MonitorJob,
  attached: boolean,
  context: EngineContext,
  host: RunHost,
): StartedMonitor {
  return idleMonitor(context.env, host.self).ask(job, attached, context, host);
}

/**
 * Starts a monitor before it is known what it shall do.
 * @param env the caller's @throws SyscallError when no process can be made
 */
export function idleMonitor(env: EngineContext["env"], self: SelfCommand): IdleMonitor {
  const [request, status] = [pipe(), pipe()];
  const theirs = [status.write, request.read];
  const idle = monitorBehind(request.write, status.read);
  try {
    startDetached(self, MONITOR, env, theirs);
  } catch (error) {
    idle.dismiss();
    throw error;
  } finally {
    theirs.forEach(closeFile);
  }
  return idle;
}

/** @param request to be written @param status to be read */
function monitorBehind(request: number, status: number): IdleMonitor {
  let asked = false;
  return {
    ask(job, attached, context, host) {
      asked = true;
      ensureRuntimeDir(context.runtimeDir, context.uid);
      send(request, monitorRequest(job, attached, context, host));
      const lines = new StatusLines(status);
      return { next: () => nextWord(lines, host), close: () => closeFile(status) };
    },
    dismiss() {
      if (asked) return;
      closeFile(request);
      closeFile(status);
    },
  };
}

/** Should the monitor have died, its silence on the other pipe says so. */
function send(fd: number, request: MonitorRequest): void {
  const bytes = new TextEncoder().encode(JSON.stringify(request));
  const at = address(bytes);
  for (let done = 0; done < bytes.length;) {
    const written = raw("write", fd, at + done, bytes.length - done);
    if (written === -ERRNO.EINTR) continue;
    if (written < 0) break;
    done += written;
  }
  closeFile(fd);
}

function nextWord(lines: StatusLines, host: RunHost): string {
  for (;;) {
    const line = lines.next();
    if (line === undefined) {
      throw new TsboxError("host", "Cannot start the container: its monitor died", {
        hint: "the system may be out of memory",
      });
    }
    // From ourselves: it is not checked again.
    const status = JSON.parse(line) as MonitorStatus;
    if (status.kind === "notice") host.notice(status.text);
    else if (status.kind === "failed") resultOf(line);
    else return status.id;
  }
}

/** Bytes read at a time. */
const PIECE = 16384;

/** Lines of a pipe; reading them blocks. */
class StatusLines {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(PIECE);
  #text = "";

  constructor(fd: number) {
    this.#fd = fd;
  }

  next(): string | undefined {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const count = raw("read", this.#fd, address(this.#buffer), PIECE);
      if (count === -ERRNO.EINTR) continue;
      if (count <= 0) return undefined;
      this.#text += new TextDecoder().decode(this.#buffer.subarray(0, count));
    }
  }
}
