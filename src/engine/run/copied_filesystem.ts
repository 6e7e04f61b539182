/** The last resort of storage drivers: a plain directory with a copy of all layers. */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import { removeTrees, startJob } from "../worker.ts";
import type { RunHost } from "./host.ts";

/**
 * Copies the layers (the topmost first) into the container's directory, as root of its user namespace;
 * returns the absolute path of the copy.
 * @throws TsboxError "no-space" and others of the worker
 */
export async function copyLayers(
  lower: readonly string[],
  directory: string,
  userns: UserNamespace,
  host: RunHost,
): Promise<string> {
  const path = `${directory}/rootfs`;
  if (existsSync(path)) return path;
  // A copy that was cut is not taken for the container's: it has another name until it is whole.
  const partial = `${path}.part`;
  if (existsSync(partial)) await removeTrees([partial], userns, host.self);
  mkdirSync(partial, { mode: 0o755 });
  await startJob({ kind: "copy", layers: lower, target: partial }, userns, host.self).result;
  renameSync(partial, path);
  return path;
}
