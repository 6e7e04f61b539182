/** The last resort of storage drivers: a plain directory with a copy of all layers. */
import { mkdirSync } from "node:fs";
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import { startJob } from "../worker.ts";
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
  mkdirSync(path, { mode: 0o755 });
  await startJob({ kind: "copy", layers: lower, target: path }, userns, host.self).result;
  return path;
}
