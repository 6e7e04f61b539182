/** The containers of a store: made, found, listed, deleted. Their lock says whether they live. */
import { ERRNO } from "../ffi/errno.ts";
import { isEmptyDirectory, listDirectory } from "../ffi/listing.ts";
import { ensureDirectory, isErrno, makeDirectory, rename } from "../ffi/quick_files.ts";
import { randomBytes } from "../ffi/random.ts";
import { type ContainerLock, makeLock, tryLock } from "./container_lock.ts";
import { releaseName, reserveName, TAKEN_NAME, takeNameAlong } from "./container_name.ts";
import { type ContainerRecord, hasUnreadableRecord, readRecord } from "./container_record.ts";
import { isSameProcess, settle } from "./settle_container.ts";
import type { ListedContainer } from "./listed_record.ts";
import { FEW_NAMES, removeDirectly, removeSmall } from "./remove_directly.ts";
import { trashPath } from "./trash.ts";
import { settleDown, unsettle } from "./unsettled.ts";

/** A container that is being made; its record is not written yet. */
export interface NewContainer {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** Absolute; mode 0700. */
  directory: string;
  /** Held until the container has ended and its record says so. */
  lock: ContainerLock;
}

/** A container as it is found in the store. */
export interface StoredContainer {
  record: ContainerRecord;
  /** Absolute. */
  directory: string;
  /** Its run process lives: it will write the record's next state itself. */
  owned: boolean;
}

/**
 * Makes `containers/<id>/` with its lock held and takes the name, a random one when none is given.
 *
 * Five system calls when the store exists. Throws TsboxError("conflict") when the name is taken;
 * nothing is left behind then.
 */
export function createContainer(dataRoot: string, wanted: { name?: string }): NewContainer {
  const id = newId();
  const directory = `${dataRoot}/containers/${id}`;
  makeContainerDirectory(dataRoot, directory);
  const lock = lockNew(directory);
  // Taken for one that was left behind, in the moment before it was locked.
  if (lock === undefined) {
    settleDown(directory);
    return createContainer(dataRoot, wanted);
  }
  try {
    return { id, name: reserveName(dataRoot, id, wanted.name), directory, lock };
  } catch (thrown) {
    removeDirectly(directory);
    settleDown(directory);
    lock.release();
    throw thrown;
  }
}

/** @throws SyscallError where there was room for the directory and none for the lock */
function lockNew(directory: string): ContainerLock | undefined {
  try {
    return makeLock(directory);
  } catch (thrown) {
    removeDirectly(directory);
    settleDown(directory);
    throw thrown;
  }
}

/** The short form must not be all digits: as a host name it would read as a number. */
function newId(): string {
  for (;;) {
    const id = randomBytes(32).toHex();
    for (let i = 0; i < 12; i++) if (id.charAt(i) >= "a") return id;
  }
}

function makeContainerDirectory(dataRoot: string, directory: string): void {
  try {
    unsettle(directory);
    makeDirectory(directory, 0o700);
  } catch (thrown) {
    settleDown(directory);
    if (!isErrno(thrown, ERRNO.ENOENT)) throw thrown;
    for (const part of ["unsettled", "containers", "names", "tmp"]) {
      ensureDirectory(`${dataRoot}/${part}`, 0o700);
    }
    unsettle(directory);
    makeDirectory(directory, 0o700);
  }
}

/**
 * What the record says, corrected by what is true: a running container whose run process and whose
 * own process are dead has ended. Undefined for one that is being made or was torn.
 */
export function readContainer(directory: string): StoredContainer | undefined {
  const record = readRecord(directory);
  if (record === undefined) return undefined;
  if (record.state.status === "exited" && !record.options.remove) {
    return { record, directory, owned: false };
  }
  const lock = tryLock(directory, "shared");
  if (lock === undefined) {
    const { state } = record;
    const dying = state.status === "running" && !isSameProcess(state);
    return dying ? readDying(directory, record) : { record, directory, owned: true };
  }
  try {
    return { record: settle(directory, record), directory, owned: false };
  } finally {
    lock.release();
  }
}

/** Milliseconds that the owner of a dead process gets to write down its end, or, killed itself, to be gone. */
const SETTLING = 200;

/** The process is dead and its owner is not done with it: a moment later it will be known how it ended. */
function readDying(directory: string, before: ContainerRecord): StoredContainer | undefined {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = performance.now() + SETTLING; performance.now() < deadline;) {
    Atomics.wait(clock, 0, 0, 1);
    const record = readRecord(directory);
    const lock = tryLock(directory, "shared");
    lock?.release();
    const same = record?.state.status === "running" && !isSameProcess(record.state);
    // Each way the first reading is out of date; read anew it is in one piece.
    if (lock !== undefined || !same) return readContainer(directory);
  }
  return { record: before, directory, owned: true };
}

/** Ids of all containers, in no order. */
export function containerIds(dataRoot: string): string[] {
  return directoryNames(`${dataRoot}/containers`);
}

function directoryNames(path: string): string[] {
  try {
    return listDirectory(path).map(({ name }) => name);
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return [];
    throw thrown;
  }
}

/** Everything below `containers/`. */
export interface ContainerScan<Container = StoredContainer> {
  /** Those with a readable record, newest first; ended ones of `run --rm` included. */
  containers: Container[];
  /** Directories without: being made, or left behind. Absolute paths. */
  unrecorded: string[];
  /** Directories with a record that says nothing to us; what is in them is the user's. Absolute paths. */
  damaged: string[];
}

/** Looks at every container once. */
export function scanContainers(dataRoot: string): ContainerScan {
  const scan: ContainerScan = { containers: [], unrecorded: [], damaged: [] };
  for (const id of containerIds(dataRoot)) {
    const directory = `${dataRoot}/containers/${id}`;
    addToScan(scan, directory, readContainer(directory));
  }
  return newestFirst(scan);
}

/** Puts what readContainer() found in a directory where it belongs. */
export function addToScan(
  scan: ContainerScan<ListedContainer>,
  directory: string,
  container: StoredContainer | undefined,
): void {
  if (container !== undefined) scan.containers.push(container);
  else if (hasUnreadableRecord(directory)) scan.damaged.push(directory);
  else scan.unrecorded.push(directory);
}

/** Sorts the containers of a scan. */
export function newestFirst<Container extends ListedContainer>(
  scan: ContainerScan<Container>,
): ContainerScan<Container> {
  const { containers } = scan;
  // Texts without a function of ours that compares them: a thousand take it eight milliseconds.
  const keys = containers.map(({ record }, i) => `${record.created} ${i}`).sort().reverse();
  scan.containers = keys.flatMap((key) =>
    containers[Number(key.slice(key.lastIndexOf(" ")))] ?? []
  );
  return scan;
}

/** Every container with a readable record, newest first; ended ones of `run --rm` included. */
export function listContainers(dataRoot: string): StoredContainer[] {
  return scanContainers(dataRoot).containers;
}

/** A container of `run --rm` whose run process died before it could delete it. */
export function isAbandoned({ record, owned }: ListedContainer): boolean {
  const { status } = record.state;
  // One that is only created was made by `create`, to be started some time.
  return record.options.remove && !owned && status !== "running" && status !== "created";
}

/** Whether a directory without a record was left behind: its maker would hold the lock. */
export function isAbandonedDirectory(path: string): boolean {
  const lock = tryLock(path, "exclusive");
  lock?.release();
  return lock !== undefined;
}

/** False when there is nothing to move. */
function moved(from: string, to: string): boolean {
  try {
    rename(from, to);
    return true;
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.ENOENT)) return false;
    throw thrown;
  }
}

/**
 * Deletes a container whose lock the caller holds exclusively, and gives the lock back.
 *
 * The directory is renamed into tmp/ first, so that no half of a container is ever seen. Returns the
 * path of what the caller alone could not remove at once (files of foreign owners, very many files): a
 * job for a worker.
 * Does nothing for a container that was deleted before. A name that it has got meanwhile goes with it.
 * @param leave has {@link untouchedDeletion} done without us, for a container that wrote nothing; false: it cannot
 */
export function deleteContainer(
  dataRoot: string,
  container: DyingContainer,
  leave: () => boolean = () => false,
): string | undefined {
  const { id, directory, lock } = container;
  const dying = dyingPath(dataRoot, id);
  try {
    // The name first: as long as the directory is there nobody else takes the name over.
    releaseNames(dataRoot, container);
    if (!moved(directory, dying)) return undefined;
    settleDown(directory);
    if (isUntouched(dying) && leave()) return undefined;
    return removeSmall(dying, FEW_NAMES) === "gone" ? undefined : dying;
  } finally {
    lock.release();
  }
}

const dyingPath = (dataRoot: string, id: string) => trashPath(dataRoot, `container-${id}`);

/** A container that is to be deleted; its names are those that are known, and may be out of date. */
export interface DyingContainer {
  id: string;
  name: string;
  otherName?: string | undefined;
  /** Absolute. */
  directory: string;
  lock: ContainerLock;
}

function releaseNames(
  dataRoot: string,
  { id, name, otherName = "", directory }: DyingContainer,
): void {
  releaseName(dataRoot, id, otherName);
  if (takeNameAlong(dataRoot, id, name, directory)) return;
  const now = readRecord(directory);
  if (now !== undefined) releaseName(dataRoot, id, now.name);
}

/** Removing a file or an empty directory, or making a directory accessible to its owner. Paths are absolute. */
export type DeletionStep = { kind: "file" | "directory" | "open"; path: string };

/** Whether an ended container wrote nothing: then all that is in its directory is known. */
function isUntouched(directory: string): boolean {
  try {
    return isEmptyDirectory(`${directory}/upper`);
  } catch {
    return false;
  }
}

const FILES = [
  "work/work/incompat/volatile/dirty",
  "container.json",
  "volumes.json",
  "hosts",
  "hostname",
  "resolv.conf",
  "lock",
  TAKEN_NAME,
];
/** What overlayfs makes there, and nobody can enter at first, the deepest last; it may be that the deeper ones are missing. */
const CLOSED = ["work/work", "work/work/incompat", "work/work/incompat/volatile"];

/**
 * What is left to be done for a container that wrote nothing, when it has left the store. Pure. Should there be
 * more, the directory stays: what is in tmp/ is finished by the next command.
 */
export function untouchedDeletion(dataRoot: string, id: string): DeletionStep[] {
  const directory = dyingPath(dataRoot, id);
  const steps: DeletionStep[] = [];
  for (const name of CLOSED) steps.push({ kind: "open", path: `${directory}/${name}` });
  for (const name of FILES) steps.push({ kind: "file", path: `${directory}/${name}` });
  for (let i = CLOSED.length - 1; i >= 0; i--) {
    steps.push({ kind: "directory", path: `${directory}/${CLOSED[i]}` });
  }
  for (const name of ["work", "upper"]) {
    steps.push({ kind: "directory", path: `${directory}/${name}` });
  }
  steps.push({ kind: "directory", path: directory });
  return steps;
}
