import type { ContainerRecord } from "../../storage/container_record.ts";
import type { StoreEvent } from "../../storage/event_log.ts";

/** Something that happened to a container, with what docker says about it. */
export function containerEvent(
  { id, name, image, labels }: Pick<ContainerRecord, "id" | "name" | "image" | "labels">,
  action: string,
  details: Readonly<Record<string, string>> = {},
): StoreEvent {
  return {
    type: "container",
    action,
    id,
    attributes: { ...labels, ...details, image: image.reference, name },
  };
}
