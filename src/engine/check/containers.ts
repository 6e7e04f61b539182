/** Containers and their names. */
import { readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tryLock } from "../../storage/container_lock.ts";
import { changeRecord, isAtRest, readRecord, restsNow } from "../../storage/container_record.ts";
import {
  isAbandoned,
  isAbandonedDirectory,
  scanContainers,
  type StoredContainer,
} from "../../storage/containers.ts";
import { storePaths } from "../../storage/layout.ts";
import {
  isLinkAbandoned,
  isUnsettled,
  settleAbandoned,
  unsettledIds,
} from "../../storage/unsettled.ts";
import { type Problem, short } from "./problem.ts";

/** @param sweep deletes what run processes left that were killed */
export function checkContainers(dataRoot: string, sweep: () => Promise<void>): Problem[] {
  const { containers, unrecorded, damaged } = scanContainers(dataRoot);
  const abandoned = containers.filter(isAbandoned).map(({ record }) => record.id);
  const torn = unrecorded.filter(isAbandonedDirectory).map((path) => path.slice(-64));
  const left = [...abandoned, ...torn].map((id) => ({
    what: `container ${short(id)}: left behind by a run that was killed`,
    remedy: "deletes it",
    mend: sweep,
  }));
  const kept = containers.filter((container) => !isAbandoned(container) && !container.owned);
  return [
    ...left,
    ...damaged.map(unreadable),
    ...kept.flatMap((container) => withoutName(dataRoot, container)),
    ...containers.filter((container) => !isAbandoned(container)).flatMap(unseen),
    ...danglingNames(dataRoot),
    ...danglingLinks(dataRoot),
  ];
}

/** Nobody but the user knows what its files are worth. */
function unreadable(directory: string): Problem {
  const id = short(directory.slice(-64));
  return {
    what: `container ${id}: its record is damaged, or a newer tsbox wrote it`,
    remedy: `what it wrote is in ${directory}/upper; delete it with: tsbox rm ${id}`,
  };
}

/** Whose name is not its own; a container that is being made or deleted is locked. */
function withoutName(dataRoot: string, { record, directory }: StoredContainer): Problem[] {
  const { id, name } = record;
  const path = `${storePaths(dataRoot).names}/${name}`;
  if (linkOf(path) === id) return [];
  const lock = tryLock(directory, "exclusive");
  if (lock === undefined) return [];
  lock.release();
  if (linkOf(path) === id) return [];
  return linkOf(path) === undefined
    ? [{
      what: `container ${short(id)}: its name "${name}" leads nowhere`,
      remedy: "gives it its name back",
      mend: () => symlinkSync(id, path),
    }]
    : [{
      what: `container ${short(id)}: its name "${name}" is another one's`,
      remedy: `use its id, or delete it with: tsbox rm ${short(id)}`,
    }];
}

/** One that may run and has no link: `ps` does not look at it. */
function unseen({ record: { id, state, options }, directory }: StoredContainer): Problem[] {
  if (isAtRest({ state, options }) || isUnsettled(directory)) return [];
  // In the same state before and after we looked, it must have had its link all the time.
  const now = readRecord(directory)?.state;
  if (JSON.stringify(now) !== JSON.stringify(state)) return [];
  return [{
    what: `container ${short(id)}: it is ${state.status}, and "ps" does not know`,
    remedy: `lets "ps" know`,
    // Who writes a record says this, too.
    mend: () => void changeRecord(directory, (record) => record),
  }];
}

/** Of containers that are at rest, or gone. */
function danglingLinks(dataRoot: string): Problem[] {
  const { containers } = storePaths(dataRoot);
  const links = (unsettledIds(dataRoot) ?? []).map((id) => ({ id, path: `${containers}/${id}` }));
  return links.filter(({ path }) => isLinkAbandoned(path, () => restsNow(path)))
    .map(({ id, path }) => ({
      what: `unsettled/${id}: left behind by a command that was killed`,
      remedy: "deletes it",
      mend: () => settleAbandoned(path, () => restsNow(path)),
    }));
}

function danglingNames(dataRoot: string): Problem[] {
  const { names } = storePaths(dataRoot);
  // In this order: who makes a container makes the directory before the name.
  const links = readdirSync(names).map((name) => ({ name, id: linkOf(`${names}/${name}`) }));
  const ids = new Set(readdirSync(storePaths(dataRoot).containers));
  return links.filter(({ id }) => id !== undefined && !ids.has(id)).map(({ name, id }) => ({
    what: `name "${name}": its container ${short(id ?? "")} is not there`,
    remedy: "frees the name",
    mend: () => {
      if (linkOf(`${names}/${name}`) === id) rmSync(`${names}/${name}`, { force: true });
    },
  }));
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
