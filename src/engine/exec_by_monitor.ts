/**
 * `exec` by the container's monitor, which has loaded what it takes: half of what the command takes by itself.
 *
 * Only for what needs nobody between the user and the command: no terminal, and streams that are handed over as
 * they are.
 */
import type { ExecOptions } from "../container/exec_options.ts";
import { O } from "../ffi/constants.ts";
import { allowTaking } from "../ffi/foreign_descriptors.ts";
import { closeFile, openIfThere } from "../ffi/quick_files.ts";
import { connectStream, listenerOf, receiveSome, sendAll } from "../ffi/unix_stream.ts";
import { TsboxError } from "../errors.ts";
import { exactId, isFileName } from "../storage/container_id.ts";
import { FrameReader, jsonFrame, MAX_FRAME } from "./monitor/frames.ts";
import { type ExecAnswer, type MonitoredExec, monitorSocket } from "./monitor/request.ts";
import { areHandedOver, containerStdio } from "./run/stdio.ts";
import { resultOf } from "./worker_jobs.ts";

/**
 * Has the command run and returns its exit status; undefined when the caller has to do it, or to say why not.
 * @throws TsboxError why it could not start
 */
export function execByMonitor(options: ExecOptions, dataRoot: string): number | undefined {
  const { container, tty, detach, interactive } = options;
  if (tty || detach || !isFileName(container) || !areHandedOver(interactive)) return undefined;
  const id = exactId(dataRoot, container);
  const monitor = id === undefined ? undefined : connect(`${dataRoot}/containers/${id}`);
  if (monitor === undefined) return undefined;
  const stdio = containerStdio(options.interactive);
  try {
    return ask(monitor, options, stdio.descriptors);
  } finally {
    stdio.abandoned();
    closeFile(monitor);
  }
}

/** Undefined: there is no such container, or none that runs, or one without, as with `run --rm`. */
function connect(directory: string): number | undefined {
  const folder = openIfThere(directory, O.PATH | O.DIRECTORY);
  if (folder === undefined) return undefined;
  try {
    return connectStream(monitorSocket(folder));
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
  let taken = false;
  for (let bytes = receiveSome(monitor); bytes !== undefined; bytes = receiveSome(monitor)) {
    for (const frame of reader.push(bytes)) {
      // From ourselves: it is not checked again.
      const answer = resultOf(new TextDecoder().decode(frame.bytes)) as ExecAnswer;
      if (answer === "declined") return undefined;
      if (answer !== "taken") return answer.status;
      taken = true;
    }
  }
  if (!taken) return undefined;
  throw new TsboxError("host", "Cannot tell how the command ended: the container's monitor died");
}
