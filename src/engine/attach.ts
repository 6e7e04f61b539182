/** `attach`: to a container that runs. */
import { findContainer } from "../storage/find_container.ts";
import { logEvents } from "../storage/event_log.ts";
import { TsboxError } from "../errors.ts";
import { announce, type AttachEnd, type AttachOptions, serveUser } from "./attach_client.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";
import { connectMonitor } from "./monitor/connection.ts";

/**
 * Connects the user with a running container until it ends or they leave it.
 * @throws TsboxError "not-found", "invalid-state" when it does not run, "unsupported" when it has no monitor
 */
export async function attachContainer(
  context: EngineContext,
  text: string,
  options: AttachOptions,
): Promise<AttachEnd> {
  const { record, directory } = findContainer(context.dataRoot, text);
  const { state } = record;
  if (state.status === "restarting") throw cannotAttach("restarting, wait until it is running");
  if (state.status !== "running") throw cannotAttach("stopped, start it first");
  if (state.paused) throw cannotAttach("paused, unpause it first");
  const connection = await connectMonitor(directory);
  if (connection !== undefined) {
    await announce(connection, options);
    logEvents(context.dataRoot, [containerEvent(record, "attach")]);
    return await serveUser(connection, options);
  }
  throw new TsboxError(
    "unsupported",
    `Cannot attach to container ${text}: its streams belong to the 'tsbox run --rm' that started it`,
    { hint: "start it with -d, with -t, or without --rm" },
  );
}

function cannotAttach(state: string): TsboxError {
  const [word = "", advice = ""] = state.split(", ");
  return new TsboxError("invalid-state", `You cannot attach to a ${word} container, ${advice}`);
}
