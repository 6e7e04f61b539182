import type { SelfCommand } from "../rootless/worker.ts";

/** Everything the command line reads from and writes to, handed in by main.ts. */
export interface CliIo {
  /** What follows the program's name. */
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  cwd: string;
  /** Real ids of the caller. */
  uid: number;
  gid: number;
  build: { version: string; commit: string };
  /** How to start this executable again, as a worker. */
  self: SelfCommand;
  /** Writes to standard output; throws OutputClosed when nobody reads any more. */
  out(text: string): void;
  /** Writes to standard error. */
  err(text: string): void;
  /** Whether descriptor 0, 1 or 2 is a terminal; asked only when the answer matters. */
  isTty(fd: 0 | 1 | 2): boolean;
  /** Width of the terminal on standard output in characters. */
  columns(): number;
}
