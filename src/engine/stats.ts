/** `stats`: what containers use, as the kernel counts it in their control groups and network namespaces. */
import { exists, readTextIfAny } from "../ffi/quick_files.ts";
import { processStart } from "../storage/container_lock.ts";
import type { ContainerRecord } from "../storage/container_record.ts";
import { scanContainers } from "../storage/containers.ts";
import { findContainer } from "../storage/find_container.ts";
import type { EngineContext } from "./context.ts";

/** What a container used until now. A part that nobody counts is undefined. */
export interface UsageSample {
  /** Milliseconds, of the process's own clock. */
  at: number;
  /** Microseconds. */
  cpu?: number;
  /** Bytes. `limit` is the host's memory where there is none. */
  memory?: { usage: number; limit: number };
  /** Bytes. */
  network?: { received: number; sent: number };
  /** Bytes. */
  block?: { read: number; written: number };
  /** Processes and threads. */
  pids?: number;
}

/** A container and its two latest samples; none when it does not run. */
export interface ContainerUsage {
  id: string;
  name: string;
  /** As the user named it. */
  word: string;
  before?: UsageSample | undefined;
  now?: UsageSample | undefined;
}

/** The containers that `stats` shows, looked for anew each time. */
export class StatsSource {
  readonly #context: EngineContext;
  readonly #words: readonly string[];
  readonly #all: boolean;
  #latest = new Map<string, UsageSample>();

  /** @param words names of containers; none: those that run, or all of them */
  constructor(context: EngineContext, words: readonly string[], all: boolean) {
    this.#context = context;
    this.#words = words;
    this.#all = all;
  }

  /** Takes a sample of each. @throws TsboxError "not-found" for a name that is none */
  take(): ContainerUsage[] {
    const latest = new Map<string, UsageSample>();
    const usages = this.#containers().map(({ word, record }): ContainerUsage => {
      const { id, name } = record;
      const now = sampleOf(record);
      if (now !== undefined) latest.set(id, now);
      return { id, name, word, before: this.#latest.get(id), now };
    });
    this.#latest = latest;
    return usages;
  }

  #containers(): { word: string; record: ContainerRecord }[] {
    const { dataRoot } = this.#context;
    if (this.#words.length > 0) {
      return this.#words.map((word) => ({ word, record: findContainer(dataRoot, word).record }));
    }
    return scanContainers(dataRoot).containers
      .filter(({ record }) => this.#all || record.state.status === "running")
      .map(({ record }) => ({ word: record.id, record }));
  }
}

/** Undefined for a container that does not run. */
function sampleOf({ state, options }: ContainerRecord): UsageSample | undefined {
  if (state.status !== "running" || processStart(state.pid) !== state.pidStart) return undefined;
  const network = options.network === "host" ? undefined : networkUse(state.pid);
  const sample: UsageSample = { at: performance.now(), ...(network && { network }) };
  if (state.cgroup === undefined) return sample;
  return { ...sample, ...groupUse(state.cgroup) };
}

function groupUse(path: string): Omit<UsageSample, "at" | "network"> {
  const cpu = numberIn(`${path}/cpu.stat`, "usage_usec");
  const memory = memoryUse(path);
  const block = blockUse(path);
  const pids = threadsIn(path);
  return {
    ...(cpu !== undefined && { cpu }),
    ...(memory && { memory }),
    ...(block && { block }),
    ...(pids !== undefined && { pids }),
  };
}

/** As docker counts: without the page cache that the kernel would give up first. */
function memoryUse(path: string): { usage: number; limit: number } | undefined {
  const current = readTextIfAny(`${path}/memory.current`);
  if (current === undefined) return undefined;
  const inactive = numberIn(`${path}/memory.stat`, "inactive_file") ?? 0;
  const usage = Number(current);
  const limit = Number(readTextIfAny(`${path}/memory.max`));
  return {
    usage: inactive < usage ? usage - inactive : usage,
    // The word for no limit is no number.
    limit: Number.isFinite(limit) && limit > 0 ? limit : hostMemory(),
  };
}

function hostMemory(): number {
  const kib = /^MemTotal:\s+(\d+)/m.exec(readTextIfAny("/proc/meminfo") ?? "")?.[1];
  return Number(kib ?? 0) * 1024;
}

/** All devices together. */
function blockUse(path: string): { read: number; written: number } | undefined {
  const text = readTextIfAny(`${path}/io.stat`);
  if (text === undefined) return undefined;
  return { read: sumOf(text, /\brbytes=(\d+)/g), written: sumOf(text, /\bwbytes=(\d+)/g) };
}

function sumOf(text: string, pattern: RegExp): number {
  let sum = 0;
  for (const [, digits] of text.matchAll(pattern)) sum += Number(digits);
  return sum;
}

/** Also where nobody counts them, but the group has a list. */
function threadsIn(path: string): number | undefined {
  const counted = readTextIfAny(`${path}/pids.current`);
  if (counted !== undefined) return Number(counted);
  if (!exists(`${path}/cgroup.threads`)) return undefined;
  return (readTextIfAny(`${path}/cgroup.threads`) ?? "").split("\n").length - 1;
}

/** All interfaces of the process's network namespace together, without the loopback's. */
function networkUse(pid: number): { received: number; sent: number } | undefined {
  const text = readTextIfAny(`/proc/${pid}/net/dev`);
  if (text === undefined) return undefined;
  const use = { received: 0, sent: 0 };
  for (const line of text.split("\n").slice(2)) {
    const [name = "", numbers = ""] = line.trim().split(":");
    if (name === "lo" || numbers === "") continue;
    const columns = numbers.trim().split(/\s+/).map(Number);
    use.received += columns[0] ?? 0;
    use.sent += columns[8] ?? 0;
  }
  return use;
}

function numberIn(path: string, key: string): number | undefined {
  const text = readTextIfAny(path);
  const digits = new RegExp(`^${key} (\\d+)$`, "m").exec(text ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Percent of one processor between two samples; undefined when that is not known. */
export function cpuPercent({ before, now }: ContainerUsage): number | undefined {
  if (before?.cpu === undefined || now?.cpu === undefined) return undefined;
  const elapsed = (now.at - before.at) * 1000;
  return elapsed > 0 ? Math.max(0, ((now.cpu - before.cpu) / elapsed) * 100) : 0;
}
