/** The volumes of the store: made, listed, told about, removed. In the shapes of Docker's API. */
import type { SelfCommand } from "../rootless/worker.ts";
import {
  ANONYMOUS_LABEL,
  anonymousName,
  detachVolume,
  ensureVolume,
  findVolume,
  type StoredVolume,
  volumeNames,
  withVolumes,
} from "../storage/volumes.ts";
import { volumeUsers } from "../storage/volume_references.ts";
import { logEvents, type StoreEvent } from "../storage/event_log.ts";
import { TsboxError } from "../errors.ts";
import type { VolumeInfo, VolumesPruned } from "./api_types.ts";
import type { EngineContext } from "./context.ts";
import { pruneEvent } from "./events/image_event.ts";
import { discardTrees } from "./discard_trees.ts";
import { booleanFilter, type Filters, hasLabels, passes } from "./filters.ts";
import { measureTrees } from "./measure_trees.ts";
import { checkVolumeOptions } from "./volume_driver.ts";

/** The filters {@link volumeInfos} obeys. */
export const VOLUME_FILTERS = ["dangling", "driver", "label", "name"];
/** The filters {@link pruneVolumes} obeys. */
export const VOLUME_PRUNE_FILTERS = ["all", "label", "label!"];

/** What `volume create` asks for. */
export interface VolumeWish {
  /** Undefined: nobody named it. */
  name?: string;
  driver: string;
  labels: Record<string, string>;
  options: Record<string, string>;
}

/** Makes a volume; one of that name that is there stays as it is. @throws TsboxError */
export function createVolume(context: EngineContext, wish: VolumeWish): VolumeInfo {
  const { driver, labels, options } = wish;
  checkDriver(driver);
  checkVolumeOptions(options);
  const name = wish.name ?? anonymousName();
  const own = wish.name === undefined ? { [ANONYMOUS_LABEL]: "" } : {};
  const { dataRoot } = context;
  return withVolumes(dataRoot, () => {
    const isNew = findVolume(dataRoot, name) === undefined;
    const volume = ensureVolume(dataRoot, { name, labels: { ...labels, ...own }, options });
    if (isNew) logEvents(dataRoot, [volumeEvent("create", name)]);
    return infoOf(volume);
  });
}

function volumeEvent(action: string, name: string): StoreEvent {
  return { type: "volume", action, id: name, attributes: { driver: "local" } };
}

/** There is one driver. @throws TsboxError "not-found" */
export function checkDriver(name: string): void {
  if (name === "local" || name === "") return;
  throw new TsboxError("not-found", `error looking up volume plugin ${name}: plugin not found`, {
    hint: "tsbox has the driver local",
  });
}

/** The volume of that name. @throws TsboxError "not-found", in docker's words */
export function volumeInfo({ dataRoot }: EngineContext, name: string): VolumeInfo {
  return infoOf(storedVolume(dataRoot, name));
}

function storedVolume(dataRoot: string, name: string): StoredVolume {
  const missing = () => new TsboxError("not-found", `get ${name}: no such volume`);
  let found: StoredVolume | undefined;
  try {
    found = findVolume(dataRoot, name);
  } catch (thrown) {
    // What can be no name names no volume.
    if (thrown instanceof TsboxError && thrown.code === "invalid-argument") throw missing();
    throw thrown;
  }
  if (found === undefined) throw missing();
  return found;
}

function infoOf({ name, created, labels, options, data }: StoredVolume): VolumeInfo {
  return {
    CreatedAt: created,
    Driver: "local",
    Labels: orNull(labels),
    Mountpoint: data,
    Name: name,
    Options: orNull(options),
    Scope: "local",
  };
}

function orNull(words: Record<string, string>): Record<string, string> | null {
  return Object.keys(words).length === 0 ? null : words;
}

/** The volumes that pass the filters, by name; damaged ones are left out. @throws TsboxError for a bad filter */
export function volumeInfos({ dataRoot }: EngineContext, filters: Filters): VolumeInfo[] {
  const dangling = booleanFilter(filters, "dangling");
  const users = dangling === undefined ? undefined : volumeUsers(dataRoot);
  return readableVolumes(dataRoot)
    .filter(({ name, labels }) =>
      (dangling === undefined || users?.has(name) !== dangling) &&
      passes(filters, "driver", (text) => text === "local") &&
      passes(filters, "name", (text) => matches(name, text)) &&
      hasLabels(filters, labels)
    )
    .map(infoOf);
}

function readableVolumes(dataRoot: string): StoredVolume[] {
  return volumeNames(dataRoot).flatMap((name) => {
    try {
      return findVolume(dataRoot, name) ?? [];
    } catch {
      return [];
    }
  });
}

/** Docker reads these values as regular expressions that may fit anywhere. */
function matches(text: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return text === pattern;
  }
}

/**
 * Deletes a volume; with `force` also a damaged one, and one that is not there is then no failure.
 * @throws TsboxError "not-found", "in-use"
 */
export async function removeVolume(
  context: EngineContext,
  self: SelfCommand,
  name: string,
  { force }: { force: boolean },
): Promise<void> {
  const { dataRoot } = context;
  const tree = withVolumes(dataRoot, () => {
    if (!force) storedVolume(dataRoot, name);
    const users = volumeUsers(dataRoot).get(name);
    if (users === undefined) return detachVolume(dataRoot, name);
    const ids = users.join(", ");
    throw new TsboxError("in-use", `remove ${name}: volume is in use - [${ids}]`, {
      hint: "remove the containers first",
    });
  });
  if (tree === undefined) return;
  logEvents(dataRoot, [volumeEvent("destroy", name)]);
  await discardTrees([tree], context, self);
}

/** Deletes volumes that no container uses: the anonymous ones, or with the filter `all` any. @throws TsboxError */
export async function pruneVolumes(
  context: EngineContext,
  self: SelfCommand,
  filters: Filters,
): Promise<VolumesPruned> {
  const { dataRoot } = context;
  const all = booleanFilter(filters, "all") ?? false;
  const without = new Map([["label", filters.get("label!") ?? []]]);
  const hasUnwanted = (labels: Record<string, string>) =>
    filters.has("label!") && hasLabels(without, labels);
  const pruned = withVolumes(dataRoot, () => {
    const users = volumeUsers(dataRoot);
    return readableVolumes(dataRoot)
      .filter(({ name, labels }) =>
        !users.has(name) && (all || Object.hasOwn(labels, ANONYMOUS_LABEL)) &&
        hasLabels(filters, labels) && !hasUnwanted(labels)
      )
      .flatMap(({ name }) => {
        const tree = detachVolume(dataRoot, name);
        return tree === undefined ? [] : [{ name, tree }];
      });
  });
  const trees = pruned.map(({ tree }) => tree);
  const size = await measureTrees(trees.map((tree) => `${tree}/_data`), context, self);
  await discardTrees(trees, context, self);
  const gone = pruned.map(({ name }) => volumeEvent("destroy", name));
  logEvents(dataRoot, [...gone, pruneEvent("volume", size)]);
  return { VolumesDeleted: pruned.map(({ name }) => name), SpaceReclaimed: size };
}
