/** Deleting a container that was ours to run. */
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import { deleteContainer, type NewContainer } from "../../storage/containers.ts";
import type { EngineContext } from "../context.ts";
import type { RunHost } from "./host.ts";

/** Deletes the container whose lock we hold; safe to call again. */
export async function discardContainer(
  container: NewContainer,
  userns: UserNamespace,
  context: EngineContext,
  host: RunHost,
): Promise<void> {
  const rest = deleteContainer(context.dataRoot, container);
  if (rest === undefined) return;
  // Files of other users of the container: only root of the user namespace can remove those.
  const { removeTrees } = await import("../worker.ts");
  await removeTrees([rest], userns, host.self);
}
