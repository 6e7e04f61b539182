/** Making the container of a run. */
import { createContainer, type NewContainer } from "../../storage/containers.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { RunHost } from "./host.ts";

/**
 * Makes a container with the wanted name, or one of our own.
 * @throws TsboxError "conflict" when a container has the name
 */
export async function create(
  name: string | undefined,
  context: EngineContext,
  host: RunHost,
): Promise<NewContainer> {
  const { dataRoot } = context;
  const wanted = name === undefined ? {} : { name };
  try {
    return createContainer(dataRoot, wanted);
  } catch (error) {
    if (!(error instanceof TsboxError) || error.code !== "conflict") throw error;
    // It may be that of a `run --rm` which was killed before it could clean up.
    const { sweepContainers } = await import("../sweep_containers.ts");
    await sweepContainers(context, host.self);
    return createContainer(dataRoot, wanted);
  }
}
