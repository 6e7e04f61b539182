/** The way into the control group of a running container: what is executed there counts as part of it. */
import { O } from "../../ffi/constants.ts";
import { openFile } from "../../ffi/quick_files.ts";
import { cgroupOf, mayMove } from "../../rootless/cgroup/hierarchy.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";

/** Who asks systemd, if that is needed. */
type Caller = Pick<EngineContext, "env" | "uid">;

/** The part of a path that is a scope of ours. */
const SCOPE = /\/(tsbox-[0-9a-f]+-[0-9a-f]+\.scope)\/container$/;

/**
 * Opens the directory of a container's control group, for a process that starts in it.
 * @param caller undefined: a process of the monitor's, which is beside the container already
 * @returns undefined when it has no group, or we may not join it and nothing is limited by it
 * @throws TsboxError "host" when a process of ours would get around the limits
 */
export async function containerGroup(
  { state, options }: ContainerRecord,
  caller: Caller | undefined,
): Promise<number | undefined> {
  if (state.status !== "running" || state.cgroup === undefined) return undefined;
  const { cgroup } = state;
  if (canJoin(cgroup) || await movedBeside(cgroup, caller)) {
    return openFile(cgroup, O.PATH | O.DIRECTORY);
  }
  if (options.resources === undefined) return undefined;
  throw new TsboxError(
    "host",
    "Cannot execute in the container: its limits would not hold, since the kernel does not let " +
      "a process of this session into its control group",
    {
      hint:
        "use a session of the same user's systemd, such as 'systemd-run --user --scope tsbox ...'",
    },
  );
}

function canJoin(cgroup: string): boolean {
  const own = cgroupOf("self");
  return own !== undefined && mayMove(own, cgroup);
}

/** Out of a log-in's session only systemd can take us; beside the container's group we are on ground of ours. */
async function movedBeside(cgroup: string, caller: Caller | undefined): Promise<boolean> {
  const unit = SCOPE.exec(cgroup)?.[1];
  if (unit === undefined || caller === undefined) return false;
  const { env, uid } = caller;
  const { sessionBusPath } = await import("../../rootless/cgroup/session_bus_path.ts");
  const bus = sessionBusPath(env);
  if (bus === undefined) return false;
  const { attachToUnit } = await import("../../rootless/cgroup/systemd_scope.ts");
  const { ENGINE } = await import("../../rootless/cgroup/home.ts");
  try {
    await attachToUnit({ bus, uid, unit, subgroup: `/${ENGINE}`, pid: process.pid });
  } catch (error) {
    if (error instanceof TsboxError) return false;
    throw error;
  }
  return canJoin(cgroup);
}
