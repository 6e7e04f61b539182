import type { ExecOptions } from "../../container/exec_options.ts";
import { randomBytes } from "../../ffi/random.ts";
import { logEvents } from "../../storage/event_log.ts";
import type { RunningContainer } from "../exec/container.ts";
import { containerEvent } from "./container_event.ts";

/** Writes down what becomes of a command in a container. */
export function execLog(
  { command }: Pick<ExecOptions, "command">,
  { dataRoot, record }: RunningContainer,
): { started(): void; ended(exitCode: number): void } {
  const execID = randomBytes(32).toHex();
  const event = (action: string, details: Record<string, string> = {}) =>
    containerEvent(record, action, { execID, ...details });
  const words = command.join(" ");
  return {
    started: () =>
      logEvents(dataRoot, [event(`exec_create: ${words}`), event(`exec_start: ${words}`)]),
    ended: (exitCode) => logEvents(dataRoot, [event("exec_die", { exitCode: String(exitCode) })]),
  };
}
