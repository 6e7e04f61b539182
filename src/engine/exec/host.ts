import type { SelfCommand } from "../../rootless/worker.ts";

/** What a front end gives `exec` beside the options. */
export interface ExecHost {
  /** How to start this executable again. */
  self: SelfCommand;
  /** Prints a line of ours, on standard error. */
  notice(line: string): void;
}
