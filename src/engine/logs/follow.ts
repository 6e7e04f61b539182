/** Waiting for more of a log, without looking again and again. */
import { type FSWatcher, watch } from "node:fs";
import { connectMonitor } from "../monitor/connection.ts";

/** A log that is followed. */
export interface Following {
  /** Resolves when there may be more; to false when the container is over. */
  more(): Promise<boolean>;
  stop(): void;
}

/** Milliseconds that a timer can wait at most; nobody follows a log for longer. */
const LONGEST = 2 ** 31 - 1;

/** Milliseconds until nothing more is wanted; undefined: for ever. @param until nanoseconds since 1970 */
export function timeLeft(until: bigint | undefined): number | undefined {
  if (until === undefined) return undefined;
  const left = Number(until / 1_000_000n) - Date.now();
  return left > LONGEST ? undefined : Math.max(0, left);
}

/**
 * @param container the container's directory
 * @param directory where the files of its log are
 * @param until nanoseconds since 1970: what is written later is not wanted
 */
export async function followLog(
  container: string,
  directory: string,
  until?: bigint,
): Promise<Following> {
  let [changed, over] = [true, false];
  let wake = () => {};
  const watcher = watcherOf(directory, () => {
    changed = true;
    wake();
  });
  const monitor = await connectMonitor(container);
  const end = () => {
    over = true;
    wake();
  };
  const left = timeLeft(until);
  const timer = left === undefined ? undefined : setTimeout(end, left);
  if (monitor === undefined) end();
  else {
    await monitor.sendJson("request", { op: "follow" });
    void monitor.next().then(end, end);
  }
  return {
    async more() {
      while (!changed && !over) await new Promise<void>((resolve) => wake = resolve);
      changed = false;
      return !over;
    },
    stop() {
      clearTimeout(timer);
      watcher?.close();
      monitor?.close();
    },
  };
}

/** Undefined when the directory is gone already. */
function watcherOf(directory: string, changed: () => void): FSWatcher | undefined {
  try {
    return watch(directory, changed).on("error", changed);
  } catch {
    return undefined;
  }
}
