/** The host's side of bind mounts, looked at before anything of a container is made. */
import type { MountRequest } from "../../container/run_options.ts";
import { ensureDirectory, exists } from "../../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../../errors.ts";

/**
 * Makes the missing source folders of `-v`, with the caller's rights and as the caller's own.
 * @throws TsboxError "invalid-argument" for a missing source of `--mount`, "host" when one cannot be made
 */
export function prepareBindSources(mounts: readonly MountRequest[]): void {
  for (const mount of mounts) {
    if (mount.type !== "bind" || exists(mount.source)) continue;
    if (!mount.createSource) throw missing(mount.source);
    makeFolder(mount.source);
  }
}

function missing(source: string): TsboxError {
  const what = `bind source path does not exist: ${source}`;
  return new TsboxError("invalid-argument", `invalid mount config for type "bind": ${what}`);
}

function makeFolder(path: string): void {
  try {
    ensureDirectory(path, 0o755);
  } catch (cause) {
    const message = `error while creating mount source path '${path}': ${messageOf(cause)}`;
    throw new TsboxError("host", message, { cause });
  }
}
