/** What a front end gives `run` beside the options. */
import type { SelfCommand } from "../../rootless/worker.ts";
import type { PullEvent } from "../pull_events.ts";

/** The caller's side of an attached container. */
export interface RunHost {
  /** How to start this executable again, for workers. */
  self: SelfCommand;
  /** Prints a line of ours, on standard error. */
  notice(line: string): void;
  /** Prints a line on standard output. */
  print(line: string): void;
  /** Told what a pull does; undefined prints nothing. */
  onPullEvent?: (event: PullEvent) => void;
  /** Told that an image is not here and is going to be pulled. */
  pulling?: () => void;
  /** The caller's name, for /etc/subuid where /etc/passwd does not know it. */
  userName?: string | undefined;
}
