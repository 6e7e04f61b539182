import type { EngineContext } from "../engine/context.ts";
import type { SelfCommand } from "../rootless/worker.ts";

/** What the API is told when it is started. */
export interface ApiService {
  context: EngineContext;
  self: SelfCommand;
  /** Absolute path of the socket; undefined: the one of the user. */
  socket: string | undefined;
  /** Aborted when the service shall end. */
  signal: AbortSignal;
  /** Called once requests are answered, with the socket's path. */
  listening(path: string): void;
}

/** Standard input, output and error, as the command line uses them. */
export interface Streams {
  /** Writes to standard output; throws OutputClosed when nobody reads any more. */
  out(text: string): void;
  /** Writes to standard error. */
  err(text: string): void;
  /** Whether descriptor 0, 1 or 2 is a terminal; asked only when the answer matters. */
  isTty(fd: 0 | 1 | 2): boolean;
}

/** Everything the command line reads from and writes to, handed in by main.ts. */
export interface CliIo extends Streams {
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
  /** Pipe to the process that the user has started, which waits for us: engine/monitor/run_here.ts. */
  starter?: number | undefined;
  /** Starts the other door to the engine, which the command line cannot see, until the signal. */
  serveApi(service: ApiService): Promise<void>;
  /** Width of the terminal on standard output in characters. */
  columns(): number;
}
