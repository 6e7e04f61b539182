/**
 * Ctrl-C ends a benchmark the way an error does: what is running is killed with all it has started, and whoever
 * made something removes it.
 */

import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

interface Ending {
  exitCode: number | null;
  /** What it wrote to standard error. */
  errors: string;
}

let interrupted: string | undefined;
let group: number | undefined;

/** From now on signals that would end this process end what it waits for. */
export function obeyInterruptions(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupted ??= signal;
      killGroup();
    });
  }
}

/** Runs a program in a process group of its own. @throws when the benchmark was interrupted */
export async function untilEnded(
  words: readonly string[],
  options: { env: Record<string, string>; cwd: string },
): Promise<Ending> {
  // A signal that came during a blocking call has not been heard of yet.
  await Bun.sleep(0);
  throwIfInterrupted();
  // Not a pipe: what goes on in the background may keep the other end.
  const file = join(options.cwd, "errors");
  const stderr = openSync(file, "w");
  const silent = { stdin: "ignore", stdout: "ignore", stderr } as const;
  const child = Bun.spawn([...words], { ...options, ...silent, detached: true });
  closeSync(stderr);
  group = child.pid;
  const exitCode = await child.exited;
  group = undefined;
  throwIfInterrupted();
  const errors = readFileSync(file, "utf8");
  rmSync(file);
  return { exitCode, errors };
}

/** For loops that call no `untilEnded`. */
export async function throwWhenInterrupted(): Promise<void> {
  await Bun.sleep(0);
  throwIfInterrupted();
}

function throwIfInterrupted(): void {
  if (interrupted !== undefined) throw new Error(`interrupted by ${interrupted}`);
}

function killGroup(): void {
  if (group === undefined) return;
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
