/** The user namespace of the caller, opened when it is needed. */
import { ownIdMap } from "../rootless/subids.ts";
import { openUserNamespace, type UserNamespace } from "../rootless/user_namespace.ts";
import type { EngineContext } from "./context.ts";
import { ensureRuntimeDir } from "./runtime_dir.ts";

/** Opens it at the first call, with all ids there are. @throws TsboxError "host" then */
export function ownNamespace(context: EngineContext): () => UserNamespace {
  let opened: UserNamespace | undefined;
  return () => {
    const { uid, gid, env, runtimeDir } = context;
    if (opened !== undefined) return opened;
    ensureRuntimeDir(runtimeDir, uid);
    const map = ownIdMap({ uid, gid, name: env["USER"], mode: "auto" });
    return opened = openUserNamespace(map, runtimeDir);
  };
}
