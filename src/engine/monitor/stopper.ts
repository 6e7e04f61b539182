/** Ending the container's process on demand: for `restart`, and when the machine is shut down. */
import type { RunOptions } from "../../container/run_options.ts";
import { SIGKILL } from "../../ffi/constants.ts";
import type { Running } from "../../rootless/launch.ts";
import type { HubOrders } from "./hub.ts";

/** Docker's default, in seconds. */
const STOP_TIMEOUT = 10;

interface Target {
  running: Running;
  signal: number;
  seconds: number;
  /** Lets a paused container go on: a frozen process obeys no signal but SIGKILL. */
  thaw(): void;
}

export class Stopper implements HubOrders {
  #target: Target | undefined;
  #wake: (() => void) | undefined;
  #restarts: { resolve(): void; reject(error: unknown): void }[] = [];
  /** The container shall be over when this life ends. */
  stoppedByUser = false;
  /** It shall run again when this life ends. */
  restarting = false;
  /** Stopped by the machine and not by the user: after the next boot it is wanted again. */
  shutDown = false;

  /** A life begins; what was wanted of the last one is done. */
  begin(): void {
    this.restarting = false;
  }

  /** The life's process runs. */
  watch(running: Running, options: RunOptions, signal: number, thaw: () => void): void {
    this.#target = { running, signal, seconds: options.stopTimeout ?? STOP_TIMEOUT, thaw };
    for (const { resolve } of this.#restarts.splice(0)) resolve();
    // Stopped while it was being started: nobody could signal it then, and nobody else is going to.
    if (this.stoppedByUser) end(this.#target);
  }

  unwatch(): void {
    this.#target = undefined;
  }

  /** The next life could not begin. */
  failed(error: unknown): void {
    for (const { reject } of this.#restarts.splice(0)) reject(error);
  }

  stopped(): void {
    this.stoppedByUser = true;
    this.restarting = false;
    this.#wake?.();
  }

  restart(seconds: number | undefined): Promise<void> {
    const again = new Promise<void>((resolve, reject) => this.#restarts.push({ resolve, reject }));
    this.stoppedByUser = false;
    const target = this.#target;
    if (target === undefined) this.#wake?.();
    else {
      this.restarting = true;
      end({ ...target, seconds: seconds ?? target.seconds });
    }
    return again;
  }

  /** Waits; false when the user has stopped the container meanwhile. */
  async sleep(milliseconds: number): Promise<boolean> {
    if (this.stoppedByUser) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, milliseconds);
    await promise;
    clearTimeout(timer);
    this.#wake = undefined;
    return !this.stoppedByUser;
  }

  /** At the end of the session or the machine the container gets its stop signal. Its policy is not asked. */
  obeySignals(): void {
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(name, () => {
        const { stoppedByUser } = this;
        this.stopped();
        this.shutDown = !stoppedByUser;
        if (this.#target !== undefined) end(this.#target);
      });
    }
  }
}

function end({ running, signal, seconds, thaw }: Target): void {
  running.signal(signal);
  thaw();
  if (seconds < 0) return;
  const timer = setTimeout(() => running.signal(SIGKILL), seconds * 1000);
  void running.ended.then(() => clearTimeout(timer));
}
