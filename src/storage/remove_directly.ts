import { chmodSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";

/**
 * Removes a tree as the caller, following no link; returns whether all of it is gone.
 *
 * Files of foreign owners and paths beyond the kernel's limit stay: those are for the worker, which
 * is root of the user namespace and needs its own process.
 */
export function removeDirectly(path: string): boolean {
  try {
    removeDirectory(path);
    return true;
  } catch (thrown) {
    return errorCode(thrown) === "ENOENT";
  }
}

function removeDirectory(path: string): void {
  // An empty one may be unreadable: overlayfs makes its work directory with mode 0.
  if (removeEmpty(path)) return;
  for (const entry of entries(path)) {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) removeDirectory(child);
    else unlinkSync(child);
  }
  rmdirSync(path);
}

function removeEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (thrown) {
    if (errorCode(thrown) === "ENOTEMPTY") return false;
    throw thrown;
  }
}

function entries(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (thrown) {
    if (errorCode(thrown) !== "EACCES") throw thrown;
    chmodSync(path, 0o700);
    return readdirSync(path, { withFileTypes: true });
  }
}

function errorCode(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}
