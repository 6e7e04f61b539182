/** What is known of a container's health. */
import { type Health, newHealth } from "../../container/health_state.ts";
import type { ListedRecord } from "../../storage/listed_record.ts";
import { readHealth } from "../../storage/health_record.ts";

/**
 * Undefined for a container that nobody checks. One that does not run is unhealthy, as docker says.
 * @param directory absolute: the container's
 */
export function healthOf(record: ListedRecord, directory: string): Health | undefined {
  const { healthcheck, state } = record;
  if (healthcheck === undefined || state.status === "created") return undefined;
  const health = readHealth(directory) ?? newHealth();
  const alive = state.status !== "exited" && state.status !== "restarting";
  return alive ? health : { ...health, Status: "unhealthy" };
}
