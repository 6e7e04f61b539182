/** `wait`: until containers have ended. */
import { waitUnlocked } from "../storage/container_lock.ts";
import { readRecord } from "../storage/container_record.ts";
import { findContainer } from "../storage/find_container.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { connectMonitor, exitCodeOf } from "./monitor/connection.ts";

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
  const last = readRecord(directory);
  if (last !== undefined) return codeOf(last.state);
  throw new TsboxError("host", `Cannot tell how container ${text} ended: it was removed`, {
    hint: "its own 'tsbox run --rm' knows",
  });
}

function codeOf(state: { status: string; exitCode?: number }): number {
  return state.exitCode ?? 0;
}
