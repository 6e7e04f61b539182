/**
 * `exec` by the container's monitor, when that is warm: when it has loaded what it takes for an exec before.
 *
 * Only for what needs nobody between the user and the command: no terminal, and streams that are handed over as
 * they are.
 */
import type { ExecOptions } from "../container/exec_options.ts";
import { O } from "../ffi/constants.ts";
import { allowTaking } from "../ffi/foreign_descriptors.ts";
import { closeFile, openFile, openIfThere } from "../ffi/quick_files.ts";
import { connectStream, listenerOf, receiveSome, sendAll } from "../ffi/unix_stream.ts";
import { TsboxError } from "../errors.ts";
import { exactId, isFileName } from "../storage/container_id.ts";
import { FrameReader, jsonFrame, MAX_FRAME } from "./monitor/frames.ts";
import {
  type ExecAnswer,
  execSocket,
  type MonitoredExec,
  monitorSocket,
} from "./monitor/request.ts";
import { areHandedOver } from "./run/stdio.ts";
import { resultOf } from "./worker_jobs.ts";

/**
 * Has the command run and returns its exit status; undefined when the caller has to do it, or to say why not.
 * @throws TsboxError why it could not start
 */
export function execByMonitor(options: ExecOptions, dataRoot: string): number | undefined {
  if (!isForMonitor(options)) return undefined;
  const monitor = connect(options, dataRoot, execSocket);
  if (monitor === undefined) return undefined;
  const nothing = options.interactive ? undefined : openFile("/dev/null", O.RDONLY);
  try {
    return ask(monitor, options, [nothing ?? 0, 1, 2]);
  } finally {
    if (nothing !== undefined) closeFile(nothing);
    closeFile(monitor);
  }
}

/** Tells the monitor of a container in which we have executed a command that it could have done that. */
export function warmMonitor(options: ExecOptions, dataRoot: string): void {
  const monitor = isForMonitor(options) ? connect(options, dataRoot, monitorSocket) : undefined;
  if (monitor === undefined) return;
  sendAll(monitor, jsonFrame("request", { op: "warm" }));
  closeFile(monitor);
}

function isForMonitor({ container, tty, detach, interactive }: ExecOptions): boolean {
  return !tty && !detach && isFileName(container) && areHandedOver(interactive);
}

/** Undefined: there is no such container, or none that runs, or one without a monitor that listens there. */
function connect(
  { container }: ExecOptions,
  dataRoot: string,
  socketBelow: (directoryFd: number) => string,
): number | undefined {
  const id = exactId(dataRoot, container);
  if (id === undefined) return undefined;
  const folder = openIfThere(`${dataRoot}/containers/${id}`, O.PATH | O.DIRECTORY);
  if (folder === undefined) return undefined;
  try {
    return connectStream(socketBelow(folder));
  } finally {
    closeFile(folder);
  }
}

function ask(
  monitor: number,
  options: ExecOptions,
  descriptors: MonitoredExec["descriptors"],
): number | undefined {
  const listener = listenerOf(monitor);
  if (listener === undefined) return undefined;
  const request = jsonFrame("request", { op: "exec", options, pid: process.pid, descriptors });
  if (request.length > MAX_FRAME) return undefined;
  allowTaking(listener);
  if (!sendAll(monitor, request)) return undefined;
  return statusFrom(monitor);
}

/** Undefined when nothing was done. */
function statusFrom(monitor: number): number | undefined {
  const reader = new FrameReader();
  for (let bytes = receiveSome(monitor); bytes !== undefined; bytes = receiveSome(monitor)) {
    // What it has not read whole it has not done.
    if (bytes === "unread") return undefined;
    const [frame] = reader.push(bytes);
    if (frame === undefined) continue;
    // From ourselves: it is not checked again.
    const answer = resultOf(new TextDecoder().decode(frame.bytes)) as ExecAnswer;
    return answer === "declined" ? undefined : answer.status;
  }
  throw new TsboxError("host", "Cannot tell how the command ended: the container's monitor died");
}
