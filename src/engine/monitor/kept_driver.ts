import type { ContainerRecord } from "../../storage/container_record.ts";
import type { EngineContext } from "../context.ts";

const DRIVERS = ["overlay", "fuse-overlayfs", "copy"] as const;

/** What a container wrote is in the form of its driver: it keeps that one, whatever the settings say by now. */
export function driverOf(
  record: ContainerRecord | undefined,
): Pick<EngineContext, "storageDriver"> {
  for (const name of DRIVERS) if (name === record?.driver) return { storageDriver: name };
  return {};
}
