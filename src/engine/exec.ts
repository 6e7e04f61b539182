/** `exec`: one more process in a container that runs. */
import type { ExecOptions } from "../container/exec_options.ts";
import { makeExecSpec } from "../container/exec_spec.ts";
import { launchNotes } from "../container/annotations.ts";
import { namespaceTypes } from "../container/spec.ts";
import { withUser } from "../container/with_user.ts";
import { closeFile } from "../ffi/quick_files.ts";
import { closeContainerProcess, readUserFiles } from "../rootless/container_process.ts";
import { type ExecProcess, startExec } from "../rootless/exec.ts";
import { seccompFilter } from "../rootless/seccomp/filter.ts";
import type { RuntimeSpec } from "../oci/runtime_spec.ts";
import { TsboxError } from "../errors.ts";
import type { ContainerRecord } from "../storage/container_record.ts";
import type { EngineContext } from "./context.ts";
import { execLog } from "./events/exec_log.ts";
import { containerGroup } from "./exec/control_group.ts";
import { openRunning, type RunningContainer } from "./exec/container.ts";
import type { ExecSession } from "./exec/session.ts";
import { kernelRelease } from "./kernel_release.ts";
import { customProfile } from "./run/seccomp.ts";

/**
 * Runs a command in a running container and returns its exit status; 0 at once with `--detach`.
 * The process belongs to the container: it ends with that, and not with us.
 * @param session made when the container is known to run
 * @throws TsboxError "not-found", "invalid-state", "command-not-found", "cannot-execute", or why it could not start
 */
export async function exec(
  options: ExecOptions,
  context: EngineContext,
  session: () => ExecSession,
): Promise<number> {
  const container = openRunning(context.dataRoot, options.container);
  try {
    refusePaused(container.record);
    const cgroup = await containerGroup(container.record, context);
    return await run(options, container, session(), cgroup);
  } finally {
    closeContainerProcess(container.process);
  }
}

async function run(
  options: ExecOptions,
  container: RunningContainer,
  session: ExecSession,
  cgroup: number | undefined,
): Promise<number> {
  const log = execLog(options, container);
  const process = await startInside(options, container, session, cgroup);
  log.started();
  const status = await session.run(process);
  if (!options.detach) log.ended(status);
  return status;
}

/** What is started in a frozen group would wait with the others, and whoever started it too. */
function refusePaused({ id, state }: ContainerRecord): void {
  if (state.status !== "running" || !state.paused) return;
  const message = `Container ${id} is paused, unpause the container before exec`;
  throw new TsboxError("conflict", message);
}

async function execSpec(
  options: ExecOptions,
  { record, process }: RunningContainer,
): Promise<RuntimeSpec> {
  const { env, cwd, user = "" } = record.spec;
  const spec = makeExecSpec(options, {
    options: record.options,
    env,
    cwd,
    user: user || (record.options.user ?? ""),
    uids: process.uids,
    gids: process.gids,
    seccomp: await customProfile(record.options),
  });
  return withUser(spec, readUserFiles(process));
}

/** What a process inside gets of the outside. */
type Streams = Pick<ExecSession, "descriptors" | "terminal" | "abandon">;

/**
 * Starts a process in a container; its streams are abandoned when that fails.
 * @param cgroup the directory of the container's control group, which is closed
 * @throws TsboxError
 */
export async function startInside(
  options: ExecOptions,
  container: RunningContainer,
  session: Streams,
  cgroup: number | undefined,
): Promise<ExecProcess> {
  const { record, process } = container;
  try {
    const spec = await execSpec(options, container);
    return startExec({
      container: process,
      namespaces: namespaceTypes(record.options),
      process: spec.process,
      filter: await seccompFilter(spec, kernelRelease),
      ownKeyring: launchNotes(spec).seccomp !== "default",
      stdio: session.descriptors,
      terminal: session.terminal,
      cgroup,
    });
  } catch (error) {
    session.abandon();
    throw error;
  } finally {
    if (cgroup !== undefined) closeFile(cgroup);
  }
}
