import type { EngineContext } from "../engine/context.ts";
import type { SelfCommand } from "../rootless/worker.ts";

/** What the handlers need to call the engine. */
export interface Door {
  context: EngineContext;
  /** How to start this executable again, as a worker. */
  self: SelfCommand;
  /** Aborted when the service ends. */
  signal: AbortSignal;
}
