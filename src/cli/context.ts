import { type EngineContext, makeContext } from "../engine/context.ts";
import { findSettings } from "../engine/settings/find_settings.ts";
import type { Settings } from "../engine/settings/table.ts";
import type { CliIo } from "./io.ts";

/**
 * What the engine knows of the caller, who may have set things by flags before the command.
 * @throws TsboxError as findSettings and makeContext
 */
export async function callerContext(
  { env, uid, gid, build }: CliIo,
  flags: Settings | undefined,
): Promise<EngineContext> {
  const found = await findSettings({ env, uid, ...(flags && { flags }) });
  return makeContext({ env, uid, gid, build, ...found });
}
