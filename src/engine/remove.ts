/** `rm`: deletes containers. */
import { existsSync } from "node:fs";
import { TsboxError } from "../errors.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { type ContainerLock, lockIfFree } from "../storage/container_lock.ts";
import {
  type ContainerRecord,
  type ContainerState,
  readRecord,
} from "../storage/container_record.ts";
import { deleteContainer, type StoredContainer } from "../storage/containers.ts";
import { damagedContainer, findContainer } from "../storage/find_container.ts";
import { nameOf } from "../storage/container_name.ts";
import { killHolder } from "../storage/lock_holder.ts";
import { detachAnonymousVolumes } from "../storage/volume_references.ts";
import { logEvents } from "../storage/event_log.ts";
import type { EngineContext } from "./context.ts";
import { discardTrees } from "./discard_trees.ts";
import { containerEvent } from "./events/container_event.ts";
import { killProcess } from "./kill_process.ts";
import { statusWord } from "./status_word.ts";

/** Milliseconds that the run process of a killed container gets to put things in order, before it is killed itself. */
const GRACE = 10_000;
const POLL = 5;

/**
 * Deletes a container, by any of its names; with `force` also one that runs, which is killed; with `volumes`
 * also its anonymous volumes that no other container uses.
 * Throws TsboxError("not-found"), or ("invalid-state") for one that runs.
 */
export async function removeContainer(
  context: EngineContext,
  self: SelfCommand,
  text: string,
  { force, volumes }: { force: boolean; volumes: boolean },
): Promise<void> {
  const found = removable(context.dataRoot, text);
  const { record: { id, name, otherName }, directory } = found;
  const lock = await takeLock(found, force);
  // A container of `run --rm` is deleted by its own run process.
  if (lock === undefined) return;
  const trees = volumes ? detachAnonymousVolumes(context.dataRoot, directory) : [];
  const rest = deleteContainer(context.dataRoot, { id, name, otherName, directory, lock });
  logEvents(context.dataRoot, [containerEvent(found.record, "destroy")]);
  await discardTrees(rest === undefined ? trees : [...trees, rest], context, self);
}

type Removable = Pick<StoredContainer, "directory" | "owned"> & {
  record: Pick<ContainerRecord, "id" | "name" | "otherName" | "image" | "labels"> & {
    state?: ContainerState;
  };
};

/** Also one whose record cannot be read: how else should the user be rid of it? */
function removable(dataRoot: string, text: string): Removable {
  try {
    return findContainer(dataRoot, text);
  } catch (thrown) {
    const id = damagedContainer(dataRoot, text);
    if (id === undefined) throw thrown;
    const unknown = { image: { reference: "", id: "" }, labels: {} };
    const record = { id, name: nameOf(dataRoot, id), ...unknown };
    return { directory: `${dataRoot}/containers/${id}`, owned: false, record };
  }
}

/** The lock of a container that has ended; undefined when it is gone. */
async function takeLock(
  found: Removable,
  force: boolean,
): Promise<ContainerLock | undefined> {
  const { directory, record: { name, state } } = found;
  if (state?.status === "running" && !force) throw isAlive(name, state);
  if (found.owned && !force && state?.status === "restarting") throw isAlive(name, state);
  if (found.owned && !force) {
    throw cannotRemove(name, "container is being started", "try again, or force remove");
  }
  if (state === undefined && !force) return freeLock(found);
  let asked: string | undefined;
  const begin = Date.now();
  for (let waited = 0; waited < 2 * GRACE; waited = Date.now() - begin) {
    // It may have got further since we looked: asked again each time.
    const now = readRecord(directory)?.state;
    // Somebody has started it meanwhile.
    if (now?.status === "running" && !force) throw isAlive(name, now);
    // Between two lives there is nothing to kill, and no life shall follow.
    if (force && asked !== now?.status && (found.owned || now?.status === "running")) {
      asked = now?.status;
      await (await import("./monitor/connection.ts")).askStopped(directory);
    }
    if (now?.status === "running") killProcess(now);
    const lock = lockIfFree(directory, "exclusive");
    if (lock !== undefined) return lock;
    if (!existsSync(directory)) return undefined;
    // Stopped, or hanging: it could wait for ever.
    if (waited > GRACE) killHolder(directory);
    await Bun.sleep(POLL);
  }
  throw cannotRemove(name, "its run process does not end", "end it, then try again");
}

/** What a newer tsbox is running must not be taken for dead. */
function freeLock({ directory, record: { id, name } }: Removable): ContainerLock {
  const lock = lockIfFree(directory, "exclusive");
  if (lock !== undefined) return lock;
  throw cannotRemove(
    name || id,
    "its record cannot be read, and something has it locked",
    "force remove",
  );
}

function isAlive(name: string, state: ContainerState): TsboxError {
  const word = statusWord(state);
  if (word === "paused") {
    return cannotRemove(name, "container is paused and must be unpaused first", "or force remove");
  }
  const hint = "stop the container before removing or force remove";
  return cannotRemove(name, `container is ${word}`, hint);
}

function cannotRemove(name: string, state: string, hint: string): TsboxError {
  return new TsboxError("invalid-state", `cannot remove container "/${name}": ${state}`, { hint });
}
