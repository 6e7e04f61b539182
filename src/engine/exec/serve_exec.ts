/** `exec` as a monitor does it for a command: all that takes its time to load is there from the second one on. */
import { takeDescriptors } from "../../ffi/foreign_descriptors.ts";
import { closeFile, fileStatus } from "../../ffi/quick_files.ts";
import type { EngineContext } from "../context.ts";
import { exec } from "../exec.ts";
import type { ExecAnswer, MonitoredExec } from "../monitor/request.ts";
import { exitStatus } from "../../ffi/process.ts";
import type { ExecSession } from "./session.ts";

/**
 * Runs a command in the monitor's container.
 * @param id the container's
 * @throws TsboxError as {@link exec}
 */
export async function serveExec(
  id: string,
  { options, pid, descriptors }: MonitoredExec,
  context: EngineContext,
): Promise<ExecAnswer> {
  const taken = takeDescriptors(pid, descriptors, () => isOfOurVersion(pid));
  if (taken === undefined) return "declined";
  const [stdin = -1, stdout = -1, stderr = -1] = taken;
  const close = () => taken.splice(0).forEach(closeFile);
  const session: ExecSession = {
    descriptors: [stdin, stdout, stderr],
    abandon: close,
    async run(process) {
      close();
      return exitStatus(await process.ended());
    },
  };
  try {
    return { status: await exec({ ...options, container: id }, context, () => session) };
  } finally {
    close();
  }
}

/** Whether a process has our executable: another version may mean other things by the same words. */
function isOfOurVersion(pid: number): boolean {
  const [theirs, ours] = [fileStatus(`/proc/${pid}/exe`), fileStatus("/proc/self/exe")];
  return theirs !== undefined && ours !== undefined && theirs.device === ours.device &&
    theirs.inode === ours.inode && theirs.changed === ours.changed;
}
