/**
 * A monitor's part in `exec`: it does it only while it is warm, its code loaded and compiled. Cold it would take
 * longer than the command line, which then does it itself and says that there may be more to come.
 */
import { makeLink, unlink } from "../../ffi/quick_files.ts";
import type { EngineContext } from "../context.ts";
import type { ExecAnswer, MonitoredExec } from "./request.ts";

/** Milliseconds that a monitor stays warm after the last exec. */
const WARM = 60_000;

/** What the service needs of its monitor. */
export interface ExecSurroundings {
  /** The container's. */
  id: string;
  context: EngineContext;
  /** The monitor's socket, and the link to it that is there while we are warm. */
  sockets: { monitor: string; exec: string };
  /** Told when nothing more is expected soon: memory can be given back. */
  cold(): void;
}

export class ExecService {
  readonly #surroundings: ExecSurroundings;
  #cooling: NodeJS.Timeout | undefined;

  constructor(surroundings: ExecSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Loads what an exec takes, and lets command lines know. */
  async warm(): Promise<void> {
    await import("../exec/serve_exec.ts");
    if (this.#cooling === undefined) this.#announce();
    this.#stayWarm();
  }

  /** Runs a command in the container. @throws TsboxError why it could not start */
  async exec(request: MonitoredExec): Promise<ExecAnswer> {
    const { serveExec } = await import("../exec/serve_exec.ts");
    const { id, context } = this.#surroundings;
    try {
      return await serveExec(id, request, context);
    } finally {
      this.#stayWarm();
    }
  }

  /** Takes no more. */
  close(): void {
    clearTimeout(this.#cooling);
    this.#cooling = undefined;
    remove(this.#surroundings.sockets.exec);
  }

  #announce(): void {
    const { monitor, exec } = this.#surroundings.sockets;
    remove(exec);
    // Beside it: by its name alone.
    makeLink(monitor.slice(monitor.lastIndexOf("/") + 1), exec);
  }

  #stayWarm(): void {
    if (this.#cooling !== undefined) return void this.#cooling.refresh();
    this.#cooling = setTimeout(() => {
      this.close();
      this.#surroundings.cold();
    }, WARM);
    this.#cooling.unref();
  }
}

function remove(path: string): void {
  try {
    unlink(path);
  } catch {
    // There is none.
  }
}
