/** Runs dist/tsbox as a user would: in a home of its own, with or without a terminal. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { endKeeper } from "./keeper.ts";

export const TSBOX = join(import.meta.dir, "../../dist/tsbox");

/** How long a command may take before it is killed, in milliseconds. */
const TIMEOUT = 60_000;

/** A user's folders: the store and everything tsbox remembers are in them. */
export interface Home {
  path: string;
  /** `$XDG_DATA_HOME/tsbox` */
  dataRoot: string;
  /** `$XDG_RUNTIME_DIR/tsbox` */
  runtimeDir: string;
  /** The whole environment that commands get. */
  env: Record<string, string>;
  /** Ends what tsbox left running in this home and deletes it, also files of subordinate ids. */
  remove(): void;
}

export interface CliOptions {
  home: Home;
  /** Added to the home's environment. */
  env?: Record<string, string>;
  stdin?: string | Uint8Array<ArrayBuffer>;
  /** Milliseconds. */
  timeout?: number;
  /** Default: the home. */
  cwd?: string;
}

export interface CliResult {
  stdout: string;
  stderr: string;
  /** The exit status; 128 + n when signal n ended it. */
  status: number;
}

export interface TerminalOptions extends CliOptions {
  columns?: number;
  rows?: number;
}

/** A command on a pseudo-terminal. */
export interface TerminalSession {
  /** Everything that was printed until now, with control sequences. */
  output(): string;
  /** Types; `"\x03"` is Ctrl-C. */
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** Resolves once what was printed since the last waitFor matches; throws with the output at timeout. */
  waitFor(pattern: RegExp, timeout?: number): Promise<void>;
  /** The exit status, once the command has ended. */
  exited: Promise<number>;
  signal(name: NodeJS.Signals): void;
}

export function makeHome(parent: string = tmpdir()): Home {
  const path = mkdtempSync(join(parent, "tsbox-home-"));
  const data = join(path, "data");
  const runtime = join(path, "run");
  mkdirSync(data);
  mkdirSync(runtime, { mode: 0o700 });
  return {
    path,
    dataRoot: join(data, "tsbox"),
    runtimeDir: join(runtime, "tsbox"),
    env: {
      HOME: path,
      XDG_DATA_HOME: data,
      XDG_RUNTIME_DIR: runtime,
      PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      LANG: "C.UTF-8",
    },
    remove: () => {
      endKeepers(runtime);
      removeTree(path);
    },
  };
}

/** Runs `tsbox ARGS` to its end. */
export async function tsbox(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = Bun.spawn([TSBOX, ...args], {
    ...placeOf(options),
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeout ?? TIMEOUT,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, status: await statusOf(child) };
}

/** Like {@link tsbox}, but throws with what it printed unless the status is 0; returns stdout. */
export async function tsboxOk(args: readonly string[], options: CliOptions): Promise<string> {
  const { stdout, stderr, status } = await tsbox(args, options);
  if (status === 0) return stdout;
  throw new Error(`tsbox ${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
}

/** Starts `tsbox ARGS` on a new pseudo-terminal, as its controlling terminal. */
export function tsboxOnTerminal(
  args: readonly string[],
  options: TerminalOptions,
): TerminalSession {
  return onTerminal([TSBOX, ...args], options);
}

/** Starts any command on a new pseudo-terminal; with a shell, tsbox can be stopped and continued. */
export function onTerminal(
  command: readonly string[],
  options: TerminalOptions,
): TerminalSession {
  const decoder = new TextDecoder();
  let output = "";
  let seen = 0;
  const place = placeOf(options);
  const child = Bun.spawn([...command], {
    ...place,
    env: { TERM: "xterm", ...place.env },
    timeout: options.timeout ?? TIMEOUT,
    killSignal: "SIGKILL",
    terminal: {
      cols: options.columns ?? 80,
      rows: options.rows ?? 24,
      data: (_terminal, bytes) => {
        output += decoder.decode(bytes, { stream: true });
      },
    },
  });
  const waitFor = async (pattern: RegExp, timeout = 10_000): Promise<void> => {
    const deadline = Date.now() + timeout;
    for (;;) {
      const match = pattern.exec(output.slice(seen));
      if (match) {
        seen += match.index + match[0].length;
        return;
      }
      if (Date.now() > deadline) throw new Error(`${pattern} was not printed, but: ${output}`);
      await Bun.sleep(10);
    }
  };
  return {
    output: () => output,
    type: (text) => void child.terminal?.write(text),
    resize: (columns, rows) => child.terminal?.resize(columns, rows),
    waitFor,
    exited: statusOf(child),
    signal: (name) => child.kill(name),
  };
}

function placeOf(options: CliOptions): { cwd: string; env: Record<string, string> } {
  return {
    cwd: options.cwd ?? options.home.path,
    env: { ...options.home.env, ...options.env },
  };
}

async function statusOf(child: Bun.Subprocess): Promise<number> {
  await child.exited;
  if (child.exitCode !== null) return child.exitCode;
  const signal = child.signalCode ?? 0;
  return 128 + (typeof signal === "number" ? signal : constants.signals[signal]);
}

function endKeepers(runtimeDir: string): void {
  for (const record of new Bun.Glob("tsbox/keeper-*").scanSync(runtimeDir)) {
    endKeeper(join(runtimeDir, record));
  }
}

/** Files of subordinate ids belong to others; in a namespace that has those ids they can be deleted. */
function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    const unshare = ["unshare", "--user", "--map-auto", "--map-root-user", "rm", "-rf", path];
    if (Bun.spawnSync(unshare, { stderr: "ignore" }).success) return;
    makeWritable(path);
    rmSync(path, { recursive: true, force: true });
  }
}

function makeWritable(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(join(path, entry.name));
  }
}
