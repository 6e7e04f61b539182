import { exists } from "../ffi/quick_files.ts";
import type { EngineContext } from "./context.ts";

/**
 * Takes the anonymous volumes of a container that is about to be deleted out of the store. Nothing is loaded
 * for one that uses no volumes.
 * @param directory of the container, whose lock the caller holds
 * @returns absolute paths of trees to delete
 */
export function takeAnonymousVolumes(
  context: Pick<EngineContext, "dataRoot">,
  directory: string,
): Promise<string[]> | string[] {
  return exists(`${directory}/volumes.json`) ? detached(context, directory) : [];
}

async function detached(
  { dataRoot }: Pick<EngineContext, "dataRoot">,
  directory: string,
): Promise<string[]> {
  const { detachAnonymousVolumes } = await import("../storage/volume_references.ts");
  return detachAnonymousVolumes(dataRoot, directory);
}
