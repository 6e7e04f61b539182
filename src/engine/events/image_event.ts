import type { StoreEvent } from "../../storage/event_log.ts";

/** Something that happened to an image. @param id its id, or the name it has at a registry */
export function imageEvent(action: string, id: string, name: string = id): StoreEvent {
  return { type: "image", action, id, attributes: { name } };
}

/** Unused things of a kind are gone. @param reclaimed bytes */
export function pruneEvent(type: StoreEvent["type"], reclaimed: number): StoreEvent {
  return { type, action: "prune", id: "", attributes: { reclaimed: String(reclaimed) } };
}
