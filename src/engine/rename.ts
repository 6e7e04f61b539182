/** `rename`. */
import { releaseName, reserveName } from "../storage/container_name.ts";
import { changeRecord, type ContainerRecord } from "../storage/container_record.ts";
import { findContainer } from "../storage/find_container.ts";
import { logEvents } from "../storage/event_log.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent } from "./events/container_event.ts";

/**
 * Gives a container another name; `name` was checked by the grammar of names.
 * @throws TsboxError "not-found", "conflict" when another container has it
 */
export function renameContainer({ dataRoot }: EngineContext, text: string, name: string): void {
  const { record: { id, name: now }, directory } = findContainer(dataRoot, text);
  if (name === now) {
    throw new TsboxError(
      "conflict",
      "Error when allocating new name: renaming a container with the same name as its current name",
    );
  }
  // Who deletes it gives both names back, should we be killed while it has two.
  changeRecord(directory, (record) => ({ ...record, otherName: name }));
  try {
    reserveName(dataRoot, id, name);
  } catch (thrown) {
    changeRecord(directory, withoutOther);
    throw thrown;
  }
  // Deleted meanwhile, and with it what was known of its names, it leaves the new one to be given back.
  let released = name;
  const renamed = changeRecord(directory, (record) => {
    // Another `rename` may have been faster: it is its name that nobody needs any more.
    released = record.name;
    return { ...record, name, otherName: released };
  });
  releaseName(dataRoot, id, released);
  if (renamed === undefined) return;
  changeRecord(directory, withoutOther);
  logEvents(dataRoot, [containerEvent(renamed, "rename", { oldName: `/${released}` })]);
}

function withoutOther({ otherName: _, ...record }: ContainerRecord): ContainerRecord {
  return record;
}
