/** What the dead have left: half-made things, half-deleted things, locks of nobody. */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { isDigest } from "../../oci/digest.ts";
import { storePaths } from "../../storage/layout.ts";
import { lockFile } from "../../storage/lock.ts";
import { listLayers } from "../../storage/layers.ts";
import { damagedLists, removeDamagedList } from "../../storage/manifest_lists.ts";
import { isTrashName, trashPath } from "../../storage/trash.ts";
import type { Problem } from "./problem.ts";

/** Milliseconds from which a thing in tmp/ that nobody has locked counts as left behind. */
const ABANDONED_AFTER = 10 * 60_000;

/** @param discard deletes trees, whoever owns the files in them */
export function checkLeftovers(
  dataRoot: string,
  discard: (paths: string[]) => Promise<void>,
): Problem[] {
  return [
    ...temporaryThings(dataRoot, discard),
    ...partialThings(dataRoot),
    ...halfWritten(dataRoot),
    ...strangeLayers(dataRoot, discard),
    ...manifestLists(dataRoot),
  ];
}

/** Whether nobody holds a lock; a lock file that is not there is free. */
function isFree(path: string): boolean {
  if (!existsSync(path)) return true;
  const lock = lockFile(path, "exclusive", { wait: false });
  lock?.release();
  return lock !== undefined;
}

function temporaryThings(
  dataRoot: string,
  discard: (paths: string[]) => Promise<void>,
): Problem[] {
  const { tmp } = storePaths(dataRoot);
  const names = readdirSync(tmp);
  const things = names.filter((name) => !name.endsWith(".lock")).filter((name) =>
    names.includes(`${name}.lock`) || isTrashName(name) || isOld(`${tmp}/${name}`)
  ).filter((name) => isFree(`${tmp}/${name}.lock`));
  const locks = names.filter((name) => name.endsWith(".lock"))
    .filter((name) => !names.includes(name.slice(0, -".lock".length)) && isFree(`${tmp}/${name}`));
  return [
    ...things.map((name) => ({
      what: `tmp/${name}: left behind by a command that was killed`,
      remedy: "deletes it",
      mend: async () => {
        // What is being made could be given its name still, were its maker alive.
        const trash = isTrashName(name) ? `${tmp}/${name}` : trashPath(dataRoot, name);
        if (trash !== `${tmp}/${name}`) renameSync(`${tmp}/${name}`, trash);
        rmSync(`${tmp}/${name}.lock`, { force: true });
        await discard([trash]);
      },
    })),
    ...locks.map((name) => unlocked(`tmp/${name}`, `${tmp}/${name}`)),
  ];
}

function isOld(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.ctimeMs > ABANDONED_AFTER;
}

function unlocked(what: string, path: string): Problem {
  return {
    what: `${what}: a lock that nobody holds`,
    remedy: "deletes it",
    mend: () => {
      if (isFree(path)) rmSync(path, { force: true });
    },
  };
}

/** A download that was cut is none: the next pull goes on with it. */
function partialThings(dataRoot: string): Problem[] {
  const { partial } = storePaths(dataRoot);
  return readdirSync(partial).flatMap((name): Problem[] => {
    const path = `${partial}/${name}`;
    if (name.endsWith(".lock")) {
      return isFree(path) ? [unlocked(`blobs/partial/${name}`, path)] : [];
    }
    const pid = /^sha(?:256|512)-[0-9a-f]+\.(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && existsSync(`/proc/${pid}`)) return [];
    if (pid === undefined && isDigest(name.replace("-", ":"))) return [];
    return [{
      what: `blobs/partial/${name}: left behind by a command that was killed`,
      remedy: "deletes it",
      mend: () => rmSync(path, { recursive: true, force: true }),
    }];
  });
}

/** The next change of the index writes over them. */
function halfWritten(dataRoot: string): Problem[] {
  const { images, imageRecords, imagesLock } = storePaths(dataRoot);
  const lock = lockFile(imagesLock, "exclusive", { wait: true });
  try {
    const records = existsSync(imageRecords) ? readdirSync(imageRecords) : [];
    const paths = [
      `${images}.new`,
      ...records.filter((name) => name.endsWith(".new")).map((name) => `${imageRecords}/${name}`),
    ];
    return paths.filter((path) => existsSync(path)).map((path) => ({
      what: `${path.slice(dataRoot.length + 1)}: left behind by a command that was killed`,
      remedy: "deletes it",
      mend: () => rmSync(path, { force: true }),
    }));
  } finally {
    lock?.release();
  }
}

/** Directories in layers/ that never were layers. */
function strangeLayers(
  dataRoot: string,
  discard: (paths: string[]) => Promise<void>,
): Problem[] {
  const { layers } = storePaths(dataRoot);
  const known = new Set(listLayers(dataRoot).map((chainID) => chainID.slice("sha256:".length)));
  return readdirSync(layers).filter((name) =>
    !known.has(name) || !existsSync(`${layers}/${name}/layer.json`)
  ).map((name) => ({
    what: `layers/${name}: not a complete layer`,
    remedy: "deletes it",
    mend: async () => {
      const trash = trashPath(dataRoot, `layer-${crypto.randomUUID()}`);
      renameSync(`${layers}/${name}`, trash);
      await discard([trash]);
    },
  }));
}

/** Lists of `manifest create`. */
function manifestLists(dataRoot: string): Problem[] {
  return damagedLists(dataRoot).map(({ path, isHalfWritten }) => ({
    what: `${path.slice(dataRoot.length + 1)}: ${
      isHalfWritten ? "left behind by a command that was killed" : "not a whole manifest list"
    }`,
    remedy: "deletes it",
    mend: () => removeDamagedList(dataRoot, path),
  }));
}
