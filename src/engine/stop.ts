/** `stop`, `kill` and `restart`. */
import { parseSignal } from "../container/signals.ts";
import { SIGKILL } from "../ffi/constants.ts";
import { tryLock, waitUnlockedWithin } from "../storage/container_lock.ts";
import { readRecord } from "../storage/container_record.ts";
import { type StoredContainer } from "../storage/containers.ts";
import { findContainer } from "../storage/find_container.ts";
import { logEvents } from "../storage/event_log.ts";
import { lockHolder } from "../storage/lock_holder.ts";
import { TsboxError } from "../errors.ts";
import { type ContainerProcess, openProcess } from "./container_process.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";
import { askRestart, askStopped } from "./monitor/connection.ts";
import { resume } from "./pause.ts";
import type { RunHost } from "./run/host.ts";
import { startDetachedContainer } from "./run_monitored.ts";

/** Docker's default, in seconds. */
const STOP_TIMEOUT = 10;
/** Milliseconds that a monitor gets to write down how its container ended; it takes one. */
const SETTLING = 10_000;
/** Milliseconds between looks at a container that is being started. */
const POLL = 5;

/** How to stop. */
export interface StopOptions {
  /** In place of the container's own stop signal. */
  signal?: string | undefined;
  /** Before SIGKILL; -1 waits for ever. Default: the container's own, else 10. */
  seconds?: number | undefined;
}

/**
 * Asks a container to end; the returned function waits until it has, and kills it when it takes too long.
 * So several can be stopped at once. A container that does not run is left as it is.
 * @throws TsboxError "not-found", "invalid-argument" for a signal that is none
 */
export async function beginStop(
  context: EngineContext,
  text: string,
  { signal, seconds }: StopOptions,
): Promise<() => void> {
  const { record, directory, owned } = findContainer(context.dataRoot, text);
  const number = parseSignal(signal || record.stopSignal || "TERM");
  if (!owned && record.state.status !== "running") return () => {};
  const process = await reach(directory);
  const log = (action: string, signal?: number) =>
    logEvents(context.dataRoot, [
      containerEvent(record, action, signal === undefined ? {} : { signal: String(signal) }),
    ]);
  if (process !== undefined) log("kill", number);
  process?.signal(number);
  resume(directory, readRecord(directory)?.state);
  const begin = performance.now();
  const patience = (seconds ?? record.options.stopTimeout ?? STOP_TIMEOUT) * 1000;
  return () => {
    const left = patience < 0 ? Infinity : begin + patience - performance.now();
    endWithin(process, left, () => log("kill", SIGKILL));
    awaitMonitor(text, directory);
    log("stop");
  };
}

/** @throws TsboxError "host" when the monitor of an ended container was stopped, or hangs */
function awaitMonitor(text: string, directory: string): void {
  if (waitUnlockedWithin(directory, SETTLING)) return;
  const holder = lockHolder(directory);
  const which = holder === undefined ? "its monitor" : `its monitor (process ${holder})`;
  throw new TsboxError("host", `Container ${text} has ended, but ${which} does not say how`, {
    hint: "'tsbox rm -f' ends that, too",
  });
}

/**
 * The process of a container of which no other life follows; undefined when it has ended, and when its monitor, which
 * is just starting it, will end it itself.
 */
async function reach(directory: string): Promise<ContainerProcess | undefined> {
  for (const begin = performance.now();; await Bun.sleep(POLL)) {
    const heard = await askStopped(directory);
    const state = readRecord(directory)?.state;
    const process = state?.status === "running" ? openProcess(state) : undefined;
    if (heard || process !== undefined) return process;
    // A monitor that has only begun does not listen yet.
    const lock = tryLock(directory, "shared");
    lock?.release();
    if (lock !== undefined || state === undefined) return undefined;
    // Nor does one that hangs.
    if (performance.now() - begin > SETTLING) return undefined;
  }
}

/** @param kills told before it is killed */
function endWithin(
  process: ContainerProcess | undefined,
  milliseconds: number,
  kills: () => void,
): void {
  if (process === undefined) return;
  try {
    if (process.waitEnd(Math.max(0, milliseconds))) return;
    kills();
    process.signal(SIGKILL);
    process.waitEnd(Infinity);
  } finally {
    process.close();
  }
}

/**
 * Sends a container's first process a signal. One that is meant to end it also ends its restarts.
 * @throws TsboxError "not-found", "invalid-state" when it does not run, in docker's words
 */
export async function killContainer(
  context: EngineContext,
  text: string,
  signal: string | undefined,
): Promise<void> {
  const number = parseSignal(signal || "KILL");
  const { record, directory, owned } = findContainer(context.dataRoot, text);
  const { state } = record;
  const ends = number === SIGKILL || number === parseSignal(record.stopSignal || "TERM");
  // Between two lives nobody can be signalled, but the next one need not begin.
  const waits = state.status === "restarting" && owned;
  if (waits && !ends) return;
  const process = waits
    ? await reach(directory)
    : state.status === "running"
    ? openProcess(state)
    : undefined;
  if (process === undefined) {
    if (waits) return awaitMonitor(text, directory);
    throw notRunning(text, record.id);
  }
  try {
    if (ends) await askStopped(directory);
    logEvents(context.dataRoot, [containerEvent(record, "kill", { signal: String(number) })]);
    process.signal(number);
    if (ends) resume(directory, state);
    if (number !== SIGKILL) return;
    // As with docker, what comes next finds a container that has ended.
    process.waitEnd(Infinity);
    awaitMonitor(text, directory);
  } finally {
    process.close();
  }
}

function notRunning(text: string, id: string): TsboxError {
  return new TsboxError(
    "invalid-state",
    `cannot kill container: ${text}: container ${id} is not running`,
  );
}

/**
 * Stops a container, if it runs, and starts it again.
 * @throws TsboxError "not-found", "unsupported" for one that runs attached to its own command
 */
export async function restartContainer(
  context: EngineContext,
  host: RunHost,
  text: string,
  { signal, seconds }: StopOptions,
): Promise<void> {
  const found = findContainer(context.dataRoot, text);
  const restarted = () => logEvents(context.dataRoot, [containerEvent(found.record, "restart")]);
  if (found.owned) {
    if (signal === undefined && await askRestart(found.directory, seconds)) return restarted();
    if (!await isMonitored(found)) throw attachedToCommand(text);
    (await beginStop(context, text, { signal, seconds }))();
  }
  startDetachedContainer(found.record.id, context, host);
  restarted();
}

async function isMonitored({ directory }: StoredContainer): Promise<boolean> {
  const { connectMonitor } = await import("./monitor/connection.ts");
  const connection = await connectMonitor(directory);
  connection?.close();
  return connection !== undefined;
}

function attachedToCommand(text: string): TsboxError {
  return new TsboxError(
    "unsupported",
    `Cannot restart container ${text}: it belongs to the 'tsbox run --rm' that started it`,
    { hint: "start it with -d, or without --rm" },
  );
}
