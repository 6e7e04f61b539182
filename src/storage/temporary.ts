/**
 * Places in `tmp/` for what is being made. A place belongs to whoever holds the lock beside it; what has
 * no live lock was left by the dead and may be deleted by anybody.
 */
import { readdirSync, rmSync, statSync, unlinkSync } from "node:fs";
import { storePaths } from "./layout.ts";
import { lockFile } from "./lock.ts";
import { isTrashName } from "./trash.ts";

/** A path in `tmp/` that nobody else touches until it is released. */
export interface TemporaryPlace {
  /** Absolute; nothing is there yet. */
  path: string;
  /** Gives it up: what is still there is trash. */
  release(): void;
}

/** Age in milliseconds from which a thing without a lock counts as left behind. */
const ABANDONED_AFTER = 10 * 60_000;
/** Age from which a download that was cut is not waited for any more. */
const PARTIAL_LIFE = 7 * 24 * 60 * 60_000;

/** @param what a word for people who look into the directory */
export function temporaryPlace(dataRoot: string, what: string): TemporaryPlace {
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
  const path = `${storePaths(dataRoot).tmp}/${what}-${random}`;
  // The lock is there before the thing, so that the thing is never seen without it.
  const lock = lockFile(`${path}.lock`, "exclusive", { wait: true });
  return {
    path,
    release() {
      if (lock === undefined) return;
      rmSync(`${path}.lock`, { force: true });
      lock.release();
    },
  };
}

/**
 * What the dead left in `tmp/`: absolute paths that may be deleted. Locks and old partial downloads among
 * them are deleted here; trees may have foreign owners and are for the worker.
 * @param now milliseconds since 1970
 */
export function collectTrash(dataRoot: string, now: number): string[] {
  const { tmp } = storePaths(dataRoot);
  const names = readdirSync(tmp);
  const locks = new Set(names.filter((name) => name.endsWith(".lock")));
  const trash = names.filter((name) => !locks.has(name))
    .map((name) => ({
      path: `${tmp}/${name}`,
      locked: locks.has(`${name}.lock`),
      isTrash: isTrashName(name),
    }))
    .filter(({ path, locked, isTrash }) =>
      locked ? isFree(`${path}.lock`) : isTrash || isOld(path, ABANDONED_AFTER, now)
    );
  for (const lock of locks) removeFreeLock(`${tmp}/${lock}`);
  removePartials(dataRoot, (path) => isOld(path, PARTIAL_LIFE, now));
  return trash.map(({ path }) => path);
}

/** Removes cut downloads that nobody goes on with. @returns their bytes */
export function removePartials(dataRoot: string, isMeant: (path: string) => boolean): number {
  const { partial } = storePaths(dataRoot);
  let bytes = 0;
  for (const name of readdirSync(partial)) {
    const path = `${partial}/${name}`;
    if (!name.endsWith(".lock") && isMeant(path)) bytes += removePartial(path);
  }
  return bytes;
}

function isOld(path: string, age: number, now: number): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && now - status.ctimeMs > age;
}

function removePartial(path: string): number {
  const lock = lockFile(`${path}.lock`, "exclusive", { wait: false });
  if (lock === undefined) return 0;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  rmSync(path, { force: true });
  rmSync(`${path}.lock`, { force: true });
  lock.release();
  return size;
}

function isFree(lockPath: string): boolean {
  const lock = lockFile(lockPath, "exclusive", { wait: false });
  lock?.release();
  return lock !== undefined;
}

/** Removes a lock file nobody holds; who waits for it notices and makes a new one. */
function removeFreeLock(path: string): void {
  const lock = lockFile(path, "exclusive", { wait: false });
  if (lock === undefined) return;
  unlinkSync(path);
  lock.release();
}
