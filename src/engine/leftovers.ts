/** Clearing away for `ps`, which is asked often and finds nothing: what sweeps is loaded when there is something. */
import type { SelfCommand } from "../rootless/worker.ts";
import { type ContainerScan, isAbandoned, isAbandonedDirectory } from "../storage/containers.ts";
import type { ListedContainer } from "../storage/listed_record.ts";
import { listTrash } from "../storage/trash.ts";
import type { EngineContext } from "./context.ts";

/** Does what sweepContainers() does, for what `scan` has seen. */
export async function sweepLeftovers(
  context: EngineContext,
  self: () => SelfCommand,
  scan: ContainerScan<ListedContainer>,
): Promise<void> {
  const found = scan.containers.some(isAbandoned) || scan.unrecorded.some(isAbandonedDirectory) ||
    listTrash(context.dataRoot).length > 0;
  if (!found) return;
  const { sweepContainers } = await import("./sweep_containers.ts");
  await sweepContainers(context, self(), scan);
}
