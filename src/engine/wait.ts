/** `wait`: until containers have ended. */
import { waitUnlocked } from "../storage/container_lock.ts";
import type { StoredContainer } from "../storage/containers.ts";
import { findContainer } from "../storage/find_container.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { connectMonitor, exitCodeOf } from "./monitor/connection.ts";

/** Milliseconds. */
const POLL = 5;

/**
 * The exit code of a container, when its process has ended; that of its last life for one that does not run.
 * @throws TsboxError "not-found", "host" when it was deleted before it could be told
 */
export async function waitContainer(context: EngineContext, text: string): Promise<number> {
  const { record, directory, owned } = findContainer(context.dataRoot, text);
  if (!owned) return codeOf(record.state);
  const connection = await connectMonitor(directory);
  if (connection !== undefined) {
    await connection.sendJson("request", { op: "wait" });
    const message = await connection.next();
    connection.close();
    if (message !== undefined) return exitCodeOf(message);
  }
  waitUnlocked(directory);
  return await settledCode(context, record.id, text);
}

/** Of a container that its monitor has left, perhaps because it was killed: its processes end a moment later. */
async function settledCode(context: EngineContext, id: string, text: string): Promise<number> {
  for (;; await Bun.sleep(POLL)) {
    const { owned, record: { state } } = lastOf(context, id, text);
    if (owned || state.status !== "running") return codeOf(state);
  }
}

function lastOf({ dataRoot }: EngineContext, id: string, text: string): StoredContainer {
  try {
    return findContainer(dataRoot, id);
  } catch (cause) {
    throw new TsboxError("host", `Cannot tell how container ${text} ended: it was removed`, {
      cause,
      hint: "its own 'tsbox run --rm' knows",
    });
  }
}

function codeOf(state: { status: string; exitCode?: number }): number {
  return state.exitCode ?? 0;
}
