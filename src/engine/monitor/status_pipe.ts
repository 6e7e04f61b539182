/** The monitor's words to whoever started it, until the container runs. */
import { closeFile } from "../../ffi/quick_files.ts";
import { address, raw } from "../../ffi/libc.ts";
import { isHungUp } from "../../ffi/readiness.ts";
import type { WorkerAnswer } from "../worker_jobs.ts";
import type { MonitorStatus } from "./request.ts";

/** Of close_range(2): not now, but at an execve. */
const CLOSE_RANGE_CLOEXEC = 4;

/** Where a monitor says what becomes of the container until that runs. */
export interface StatusLine {
  send(status: MonitorStatus): void;
  /** The last word. */
  started(id: string): void;
  /** Whether our starter is gone. */
  readonly isOrphaned: boolean;
}

export class StatusPipe implements StatusLine {
  #fd: number | undefined;

  /** @param fd closed with the last word */
  constructor(fd: number) {
    this.#fd = fd;
    // A helper that had it, too, would keep our starter waiting after our death.
    raw("close_range", fd, fd, CLOSE_RANGE_CLOEXEC);
  }

  /** Says something; nothing when the last word was said. A starter that is gone hears nothing. */
  send(status: MonitorStatus): void {
    if (this.#fd === undefined) return;
    const bytes = new TextEncoder().encode(`${JSON.stringify(status)}\n`);
    for (let done = 0; done < bytes.length;) {
      const rest = bytes.subarray(done);
      const count = raw("write", this.#fd, address(rest), rest.length);
      if (count <= 0) return;
      done += count;
    }
  }

  get isOrphaned(): boolean {
    return this.#fd !== undefined && isHungUp(this.#fd);
  }

  started(id: string): void {
    this.send({ kind: "started", id });
    this.#close();
  }

  failed(answer: WorkerAnswer): void {
    this.send({ kind: "failed", ...answer });
    this.#close();
  }

  #close(): void {
    if (this.#fd !== undefined) closeFile(this.#fd);
    this.#fd = undefined;
  }
}
