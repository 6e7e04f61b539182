/** Deleting a container that was ours to run. */
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import { deleteContainer, type NewContainer } from "../../storage/containers.ts";
import { removeDirectly } from "../../storage/remove_directly.ts";
import { takeAnonymousVolumes } from "../anonymous_volumes.ts";
import type { EngineContext } from "../context.ts";
import type { RunHost } from "./host.ts";

/**
 * Deletes the container whose lock we hold; safe to call again.
 * @param leave as for deleteContainer()
 */
export async function discardContainer(
  container: NewContainer,
  userns: UserNamespace,
  context: EngineContext,
  host: RunHost,
  leave?: () => boolean,
): Promise<void> {
  const volumes = await takeAnonymousVolumes(context, container.directory);
  const trees = volumes.filter((tree) => !removeDirectly(tree));
  const rest = deleteContainer(context.dataRoot, container, leave);
  if (rest !== undefined) trees.push(rest);
  if (trees.length === 0) return;
  // Files of other users of the container: only root of the user namespace can remove those.
  const { removeTrees } = await import("../worker.ts");
  await removeTrees(trees, userns, host.self);
}
