/** A container whose monitor executes commands, and commands that wait there. */
import { expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type BusyboxContainers, until } from "./busybox_containers.ts";
import { type Home, TSBOX, tsboxOk } from "./cli.ts";

/** Starts the container `box` and waits until its monitor is ready for the next exec. */
export async function startWarm(box: BusyboxContainers): Promise<void> {
  await startCold(box);
  await tsboxOk(["exec", "box", "true"], { home: box.home });
  await until("the monitor is warm", () => isWarm(box.home));
}

/** Starts the container `box`, whose monitor has executed nothing yet. */
export async function startCold(box: BusyboxContainers): Promise<void> {
  const words = box.words(["-d", "--name", "box"], ["sleep", "600"]);
  await tsboxOk(words, { home: box.home });
}

function isWarm({ dataRoot }: Home): boolean {
  const folder = `${dataRoot}/containers`;
  return readdirSync(folder).some((id) => existsSync(`${folder}/${id}/execute.sock`));
}

/** Id of the container `box`. */
export function idOfBox({ dataRoot }: Home): string {
  return readlinkSync(`${dataRoot}/names/box`);
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

const processes = () => readdirSync("/proc").map(Number).filter((pid) => pid > 0);

/** Pid of the monitor of the only container of a home. */
export function monitorOf({ path }: Home): number {
  const [pid = 0] = processes().filter((pid) => read(`/proc/${pid}/cmdline`).includes("@monitor"))
    .filter((pid) => read(`/proc/${pid}/environ`).includes(`HOME=${path}\0`));
  expect(pid).toBeGreaterThan(0);
  return pid;
}

/** A number of /proc/PID/status: a pid, or kilobytes. */
export function statusOf(pid: number, key: string): number {
  return Number(RegExp(`^${key}:\\s+(\\d+)`, "m").exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** A command in the container that waits until it is killed. */
export interface Waiting {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Host pid of the command. */
  pid: number;
  /** Whoever waits for it on the host's side has this parent. */
  starter: number;
  /** Nothing of Bun's was started in the command line's process. */
  isMachineCode: boolean;
}

let count = 0;

/**
 * Runs `sleep NUMBER`, with a number that no other one has.
 * @param command what goes before: the program, `exec`, flags, the container
 * @param env in place of the home's
 */
export async function waitingExec(
  home: Home,
  command: readonly string[] = [TSBOX, "exec", "box"],
  env: Record<string, string> = home.env,
): Promise<Waiting> {
  const seconds = `${60 + process.pid % 1000}.${1000 + ++count}`;
  const child = Bun.spawn([...command, "sleep", seconds], {
    cwd: home.path,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const found = () =>
    processes().find((pid) => read(`/proc/${pid}/cmdline`) === `sleep\0${seconds}\0`);
  await until(`sleep ${seconds} runs`, () => found() !== undefined);
  const pid = found() ?? 0;
  const starter = statusOf(statusOf(pid, "PPid"), "PPid");
  // Bun reserves gigabytes as soon as it starts.
  return { child, pid, starter, isMachineCode: statusOf(child.pid, "VmData") < 100_000 };
}
