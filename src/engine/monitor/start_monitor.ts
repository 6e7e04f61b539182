/** Starting a monitor, and listening to it until its container runs. */
import { O } from "../../ffi/constants.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { address, raw } from "../../ffi/libc.ts";
import { sealedFile } from "../../ffi/memfd.ts";
import { pipe } from "../../ffi/process.ts";
import { closeFile, openFile } from "../../ffi/quick_files.ts";
import { startDetached } from "../../rootless/monitor_process.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { ensureRuntimeDir } from "../runtime_dir.ts";
import type { RunHost } from "../run/host.ts";
import { resultOf } from "../worker_jobs.ts";
import { MONITOR, type MonitorJob, type MonitorRequest, type MonitorStatus } from "./request.ts";

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

/** Starts a monitor. @throws SyscallError when no process can be made */
export function startMonitor(
  job: MonitorJob,
  attached: boolean,
  context: EngineContext,
  host: RunHost,
): StartedMonitor {
  const { env, ...rest } = context;
  ensureRuntimeDir(context.runtimeDir, context.uid);
  const { self, userName } = host;
  const request: MonitorRequest = { context: rest, self, userName, attached, job };
  const text = new TextEncoder().encode(JSON.stringify(request));
  const memory = sealedFile("tsbox-request", text);
  // Opened again: the position of this description is at the end.
  const file = openFile(`/proc/self/fd/${memory}`, O.RDONLY);
  const status = pipe();
  try {
    startDetached(self, MONITOR, env, [status.write, file]);
  } finally {
    for (const fd of [memory, file, status.write]) closeFile(fd);
  }
  const lines = new StatusLines(status.read);
  return {
    next: () => nextWord(lines, host),
    close: () => closeFile(status.read),
  };
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
