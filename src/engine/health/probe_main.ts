/** The role of a process that makes one check of a container's health and prints what came of it. */
import type { ExecOptions } from "../../container/exec_options.ts";
import { type HealthResult, MAX_OUTPUT } from "../../container/health_state.ts";
import { O, SIGKILL } from "../../ffi/constants.ts";
import { exitStatus, pipe, sendSignal } from "../../ffi/process.ts";
import { closeFile, openFile, readTextIfAny } from "../../ffi/quick_files.ts";
import { closeContainerProcess } from "../../rootless/container_process.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";
import { messageOf, TsboxError } from "../../errors.ts";
import { execLog } from "../events/exec_log.ts";
import { openRunning, type RunningContainer } from "../exec/container.ts";
import { containerGroup } from "../exec/control_group.ts";
import { startInside } from "../exec.ts";
import { exceeded } from "./watch.ts";

/** Milliseconds in which what a command wrote at its end is read, while others keep its output open. */
const LAST_WORDS = 100;

type Result = Pick<HealthResult, "ExitCode" | "Output">;

/** @param args the store, the container's id, the time that the check may take in milliseconds */
export async function probeMain(args: readonly string[]): Promise<string> {
  const [dataRoot = "", id = "", timeout = ""] = args;
  return JSON.stringify(await probe(dataRoot, id, Number(timeout)).catch(failure));
}

function failure(error: unknown): Result {
  return { ExitCode: -1, Output: messageOf(error) };
}

async function probe(dataRoot: string, id: string, timeout: number): Promise<Result> {
  const container = openRunning(dataRoot, id);
  try {
    return await checkInside(container, timeout);
  } finally {
    closeContainerProcess(container.process);
  }
}

async function checkInside(container: RunningContainer, timeout: number): Promise<Result> {
  const nothing = openFile("/dev/null", O.RDONLY);
  const { read, write } = pipe();
  const streams = [nothing, write, write] as const;
  const close = () => [nothing, write].forEach(closeFile);
  const { record } = container;
  const command = checkCommand(record);
  const log = execLog(command, container);
  const cgroup = await containerGroup(record, undefined);
  const session = { descriptors: streams, abandon: close };
  const process = await startInside(command, container, session, cgroup);
  log.started();
  close();
  const output = readSome(read);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(process.waiter);
  }, timeout);
  const ending = await process.ended();
  clearTimeout(timer);
  log.ended(exitStatus(ending));
  const text = await output.end();
  if (!late) return { ExitCode: exitStatus(ending), Output: text };
  return {
    ExitCode: -1,
    Output: text === "" ? exceeded(timeout) : `${exceeded(timeout)}: ${text}`,
  };
}

function checkCommand({ id, healthcheck, shell }: ContainerRecord): ExecOptions {
  const [kind, ...words] = healthcheck?.Test ?? [];
  if (kind !== "CMD" && kind !== "CMD-SHELL") {
    throw new TsboxError("invalid-argument", `Unknown healthcheck type '${kind}' (expected 'CMD')`);
  }
  return {
    container: id,
    command: kind === "CMD" ? words : [...shell ?? ["/bin/sh", "-c"], ...words],
    interactive: false,
    tty: false,
    detach: false,
    env: [],
    unsetEnv: [],
    privileged: false,
  };
}

/** Keeps the beginning of what comes, and takes the rest so that nobody has to wait. */
function readSome(fd: number): { end(): Promise<string> } {
  const reader = Bun.file(fd).stream().getReader();
  const kept = new Uint8Array(MAX_OUTPUT + 1);
  let length = 0;
  const all = (async () => {
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) return;
      const part = value.subarray(0, kept.length - length);
      kept.set(part, length);
      length += part.length;
    }
  })();
  return {
    async end() {
      await Promise.race([all, Bun.sleep(LAST_WORDS)]);
      const text = new TextDecoder().decode(kept.subarray(0, Math.min(length, MAX_OUTPUT)));
      return length > MAX_OUTPUT ? `${text}...` : text;
    },
  };
}

/** The command leads a group: those it has started end with it. @param waiter the process that waits for it */
function killGroup(waiter: number): void {
  const children = readTextIfAny(`/proc/${waiter}/task/${waiter}/children`) ?? "";
  for (const word of children.split(" ")) {
    const pid = Number(word);
    if (pid > 1 && !sendSignal(-pid, SIGKILL)) sendSignal(pid, SIGKILL);
  }
}
