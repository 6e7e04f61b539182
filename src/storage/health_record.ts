/** What checks said about a container: `containers/<id>/health.json`. Only its run process writes it. */
import type { Health } from "../container/health_state.ts";
import { readText, rename, writeText } from "../ffi/quick_files.ts";

/** Replaces it: a reader sees the old or the new one. Lost with the container's life by a crash, so it is not synced. */
export function writeHealth(directory: string, health: Health): void {
  const path = `${directory}/health.json`;
  writeText(`${path}.new`, JSON.stringify(health), 0o600);
  rename(`${path}.new`, path);
}

/** Undefined when there is none that can be read. */
export function readHealth(directory: string): Health | undefined {
  try {
    const value: unknown = JSON.parse(readText(`${directory}/health.json`));
    return isHealth(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** We alone write it, whole: one field vouches for the others. */
function isHealth(value: unknown): value is Health {
  return typeof value === "object" && value !== null && "Log" in value && Array.isArray(value.Log);
}
