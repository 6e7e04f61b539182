/** Checks the health of a container that runs, from time to time, in the process that runs it. */
import {
  afterCheck,
  type Health,
  type HealthResult,
  healthTimes,
  newHealth,
  nextCheck,
} from "../../container/health_state.ts";
import { durationText, type Healthcheck } from "../../oci/healthcheck.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import { type ContainerRecord, readRecord, timestamp } from "../../storage/container_record.ts";
import { writeHealth } from "../../storage/health_record.ts";
import { messageOf } from "../../errors.ts";

/** First argument of a process that makes one check. */
export const PROBE = "@probe";
/** Milliseconds that the process that makes a check may take beside its command. */
const PATIENCE = 10_000;

/** What is watched. */
export interface Watched {
  dataRoot: string;
  /** Absolute: the container's. */
  directory: string;
  record: ContainerRecord;
  check: Healthcheck;
  self: SelfCommand;
  /** Told when the status is another one. */
  changed(status: Health["Status"]): void;
}

/** Begins to watch; the returned function ends that. */
export function watchHealth(watched: Watched): () => void {
  const watch = new HealthWatch(watched);
  return () => watch.stop();
}

class HealthWatch {
  readonly #watched: Watched;
  readonly #begin = performance.now();
  #health = newHealth();
  #timer: NodeJS.Timeout | undefined;
  #probe: { kill(signal: "SIGKILL"): void } | undefined;
  #stopped = false;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#keep(this.#health);
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#probe?.kill("SIGKILL");
  }

  get #age(): number {
    return performance.now() - this.#begin;
  }

  #wait(): void {
    if (this.#stopped) return;
    const times = healthTimes(this.#watched.check);
    this.#timer = setTimeout(() => void this.#check(), nextCheck(this.#health, times, this.#age));
  }

  async #check(): Promise<void> {
    const { directory, check, changed } = this.#watched;
    // A container that is paused would not answer, and that is no illness.
    const state = readRecord(directory)?.state;
    if (state?.status !== "running" || state.paused) return this.#wait();
    const age = this.#age;
    const result = await this.#ask();
    if (this.#stopped) return;
    const before = this.#health.Status;
    this.#health = afterCheck(this.#health, result, check, age);
    this.#keep(this.#health);
    if (this.#health.Status !== before) changed(this.#health.Status);
    this.#wait();
  }

  /** By a process of its own: what a container can hold up is not the process that serves it. */
  async #ask(): Promise<HealthResult> {
    const { dataRoot, record, check, self } = this.#watched;
    const { timeout } = healthTimes(check);
    const Start = timestamp();
    const failed = (Output: string) => ({ Start, End: timestamp(), ExitCode: -1, Output });
    try {
      const args = [...self.args.slice(0, -1), PROBE, dataRoot, record.id, String(timeout)];
      const probe = Bun.spawn([self.path, ...args], {
        stdio: ["ignore", "pipe", "ignore"],
        timeout: Math.min(timeout + PATIENCE, 0x7fffffff),
        killSignal: "SIGKILL",
      });
      this.#probe = probe;
      const text = await new Response(probe.stdout).text();
      await probe.exited;
      this.#probe = undefined;
      if (text === "") return failed(exceeded(timeout));
      // From ourselves: it is not checked again.
      return {
        Start,
        End: timestamp(),
        ...JSON.parse(text) as Omit<HealthResult, "Start" | "End">,
      };
    } catch (error) {
      return failed(messageOf(error));
    }
  }

  #keep(health: Health): void {
    try {
      writeHealth(this.#watched.directory, health);
    } catch {
      // On a full disk the container goes on; the next check may be kept.
    }
  }
}

/** Docker's words. @param timeout in milliseconds */
export function exceeded(timeout: number): string {
  return `Health check exceeded timeout (${durationText(timeout * 1e6)})`;
}
