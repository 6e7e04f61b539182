/** Waiting for more of a log, without looking again and again. */
import { type FSWatcher, watch } from "node:fs";
import { connectMonitor } from "../monitor/connection.ts";

/** A log that is followed. */
export interface Following {
  /** Resolves when there may be more; to false when the container is over. */
  more(): Promise<boolean>;
  stop(): void;
}

/** @param container the container's directory @param directory where the files of its log are */
export async function followLog(container: string, directory: string): Promise<Following> {
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
