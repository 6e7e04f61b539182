/**
 * The containers that something is the matter with, by their ids: a link for each in `unsettled/`, which says so
 * before anything else does. One that is being made, that may run, or that has ended and is to be deleted is there;
 * so whoever looks for those need not look at all the others. One that has no link is at rest; one that has a
 * link may be at rest too, when its process was killed at the wrong moment.
 *
 * A store that was made before there was this folder has none.
 */
import { ERRNO } from "../ffi/errno.ts";
import { listDirectory } from "../ffi/listing.ts";
import {
  changeTime,
  exists,
  isErrno,
  linkStatus,
  makeLinkIfFree,
  unlink,
} from "../ffi/quick_files.ts";
import { tryLock } from "./container_lock.ts";

/** Milliseconds that who makes a container needs at most from the link to the directory. */
const MADE = 60_000;

/** Where the links are. Pure. */
export function unsettledFolder(dataRoot: string): string {
  return `${dataRoot}/unsettled`;
}

/** Before anything is the matter with a container. @param directory `containers/<id>` of a store @throws SyscallError */
export function unsettle(directory: string): void {
  const link = linkOf(directory);
  try {
    // What it points to is of no matter: a link is made by one call, a file by two.
    if (link !== undefined) makeLinkIfFree("-", link);
  } catch (thrown) {
    if (!isErrno(thrown, ERRNO.ENOENT)) throw thrown;
  }
}

/** When nothing is any more, or the container is gone; the caller owns it. */
export function settleDown(directory: string): void {
  const link = linkOf(directory);
  try {
    if (link !== undefined) unlink(link);
  } catch {
    // It is not there; or it stays, and somebody looks in vain.
  }
}

/** Undefined for what is no container of a store. */
function linkOf(directory: string): string | undefined {
  const slash = directory.lastIndexOf("/");
  const folder = directory.slice(0, slash);
  if (!folder.endsWith("/containers")) return undefined;
  return unsettledFolder(folder.slice(0, -"/containers".length)) + directory.slice(slash);
}

/** Ids of all containers that are not at rest, and maybe of others; undefined when the store does not know. */
export function unsettledIds(dataRoot: string): string[] | undefined {
  try {
    const ids: string[] = [];
    for (const { name } of listDirectory(unsettledFolder(dataRoot))) ids.push(name);
    return ids;
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return undefined;
    throw thrown;
  }
}

/** Whether a container has a link; true in a store that has none at all. */
export function isUnsettled(directory: string): boolean {
  const link = linkOf(directory);
  if (link === undefined || linkStatus(link) !== undefined) return true;
  return !exists(link.slice(0, link.lastIndexOf("/")));
}

/** Forgets a link that its owner could not take away. @param isAtRest asked while nobody can start the container */
export function settleAbandoned(directory: string, isAtRest: () => boolean): void {
  ifAbandoned(directory, isAtRest, () => settleDown(directory));
}

/** Whether {@link settleAbandoned} would do so. */
export function isLinkAbandoned(directory: string, isAtRest: () => boolean): boolean {
  let found = false;
  ifAbandoned(directory, isAtRest, () => found = true);
  return found;
}

function ifAbandoned(directory: string, isAtRest: () => boolean, action: () => void): void {
  if (!exists(directory)) {
    if (!isBeingMade(directory)) action();
    return;
  }
  const lock = tryLock(directory, "exclusive");
  if (lock === undefined) return;
  if (isAtRest()) action();
  lock.release();
}

/** A link without a container. One from the future is of a clock that was wrong, and would stay until then. */
function isBeingMade(directory: string): boolean {
  const link = linkOf(directory);
  const status = link === undefined ? undefined : linkStatus(link);
  return status !== undefined && Math.abs(Date.now() - changeTime(status)) <= MADE;
}
