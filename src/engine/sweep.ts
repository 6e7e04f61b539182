/** Cleans up after the dead: what a killed pull or a cut deletion left in the store. */
import type { UserNamespace } from "../rootless/user_namespace.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { collectGarbage, collectUnneeded } from "../storage/garbage.ts";
import { collectTrash } from "../storage/temporary.ts";
import { removeTrees } from "./worker.ts";

/**
 * Deletes what nobody holds a lock on. A few directory listings when there is nothing.
 * @param userns opened only when something must be deleted
 */
export async function sweepStore(
  dataRoot: string,
  userns: () => UserNamespace,
  self: SelfCommand,
): Promise<void> {
  const now = Date.now();
  const trash = [...collectTrash(dataRoot, now), ...collectGarbage(dataRoot, now)];
  if (trash.length > 0) await removeTrees(trash, userns(), self);
}

/**
 * Deletes what unfinished pulls and replaced documents have left, however new. Nothing while a pull is going on.
 * @returns bytes
 */
export async function sweepUnneeded(
  dataRoot: string,
  userns: () => UserNamespace,
  self: SelfCommand,
): Promise<number> {
  const { trees, bytes } = collectUnneeded(dataRoot);
  if (trees.length > 0) await removeTrees(trees, userns(), self);
  return bytes;
}
