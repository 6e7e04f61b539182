/** The containers of a store as lists show them: a record that was read by a list before is not read again. */
import { FileMarks, MARK } from "../ffi/file_marks.ts";
import { exists } from "../ffi/quick_files.ts";
import { SETTLED } from "./cache_file.ts";
import { isAtRest, restsNow } from "./container_record.ts";
import { addToScan, type ContainerScan, newestFirst, readContainer } from "./containers.ts";
import { keepKnown, type Known, type MarkedRecord, readKnown } from "./known_records.ts";
import { type ListedContainer, type ListedRecord, listedRecord } from "./listed_record.ts";
import { isSameProcess } from "./settle_container.ts";
import { settleAbandoned, unsettledIds } from "./unsettled.ts";

/** So many new ones are worth writing the file; reading a few records more is not. */
const WORTH_WRITING = 20;

/** So many are looked at one by one; of more, most are known already. */
const FEW = 32;

/** A mark, by its number, and what the record said. */
interface Learned {
  mark: number;
  record: ListedRecord;
}

/**
 * Looks at every container once. Without `resting` those that are known not to run are left out, and others that
 * do not run may be there.
 */
export function scanForList(
  dataRoot: string,
  { resting }: { resting: boolean },
): ContainerScan<ListedContainer> {
  const folder = `${dataRoot}/containers`;
  const unsettled = resting ? undefined : unsettledIds(dataRoot);
  if (unsettled !== undefined && unsettled.length <= FEW) return scanUnsettled(folder, unsettled);
  const known = readKnown(dataRoot);
  const marks = new FileMarks(folder, "container.json");
  const scan: ContainerScan<ListedContainer> = { containers: [], unrecorded: [], damaged: [] };
  const learned: Learned[] = [];
  try {
    for (let mark = 0; mark < marks.count; mark++) {
      const at = mark * MARK.words;
      const rests = known.resting.find(marks.words, at);
      if (rests !== undefined && !resting) continue;
      const record = rests === undefined
        ? runningRecord(known, marks.words, at)
        : known.resting.record(rests);
      if (record === undefined) {
        const container = take(scan, `${folder}/${marks.id(mark)}`);
        if (container !== undefined && isWorthKeeping(container.record)) {
          learned.push({ mark, record: listedRecord(container.record) });
        }
      } else {
        const owned = rests === undefined;
        scan.containers.push({ record, directory: `${folder}/${record.id}`, owned });
      }
    }
    for (const name of marks.others) take(scan, `${folder}/${name}`);
    if (learned.length >= WORTH_WRITING) keep(dataRoot, known, marks, learned);
  } finally {
    marks.close();
  }
  settleResting(folder, unsettled ?? [], scan);
  return newestFirst(scan);
}

/** Looks at those alone that can be other than at rest. */
function scanUnsettled(folder: string, ids: readonly string[]): ContainerScan<ListedContainer> {
  const scan: ContainerScan<ListedContainer> = { containers: [], unrecorded: [], damaged: [] };
  for (const id of ids) take(scan, `${folder}/${id}`);
  settleResting(folder, ids, scan);
  return newestFirst(scan);
}

/** Forgets those that are at rest, or gone: else there would be too many links for ever, once many were killed. */
function settleResting(
  folder: string,
  ids: readonly string[],
  { containers, unrecorded, damaged }: ContainerScan<ListedContainer>,
): void {
  const active = containers.filter(isActive).map(({ directory }) => directory);
  const stay = new Set([...active, ...[...unrecorded, ...damaged].filter(exists)]);
  for (const id of ids) {
    const directory = `${folder}/${id}`;
    if (!stay.has(directory)) settleAbandoned(directory, () => restsNow(directory));
  }
}

function isActive({ record, owned }: ListedContainer): boolean {
  return owned || !isAtRest(record);
}

/** What is known of a container that runs: its record is true as long as its process lives. */
function runningRecord(
  { running }: Known,
  words: Uint32Array,
  at: number,
): ListedRecord | undefined {
  const found = running.find(words, at);
  const record = found === undefined ? undefined : running.record(found);
  if (record?.state.status !== "running") return undefined;
  return isSameProcess(record.state) ? record : undefined;
}

/** Reads a container, and adds it to what it is. */
function take(scan: ContainerScan<ListedContainer>, directory: string) {
  const container = readContainer(directory);
  addToScan(scan, directory, container);
  return container;
}

/** Whether what the record says stays true until it is written anew, or the container's process has ended. */
function isWorthKeeping({ state, options }: ListedRecord): boolean {
  // What `run --rm` left is deleted by its owner; should that be killed, by whoever sees it the next time.
  return state.status === "running" || isAtRest({ state, options });
}

/** Keeps what was known and still is, and what was learned. */
function keep(
  dataRoot: string,
  { resting, running }: Known,
  marks: FileMarks,
  learned: readonly Learned[],
): void {
  const all: MarkedRecord[] = [];
  const add = (mark: number, record: ListedRecord) => {
    all.push({ words: marks.words, at: mark * MARK.words, record });
  };
  for (let mark = 0; mark < marks.count; mark++) {
    for (const some of [resting, running]) {
      const found = some.find(marks.words, mark * MARK.words);
      const record = found === undefined ? undefined : some.record(found);
      if (record !== undefined) add(mark, record);
    }
  }
  const settled = learned.filter(({ mark }) => isSettled(marks, mark));
  for (const { mark, record } of settled) add(mark, record);
  if (settled.length < WORTH_WRITING) return;
  // As they are asked for.
  keepKnown(dataRoot, all.sort((a, b) => a.at - b.at));
}

/** Whether the record that was read is the marked one, and no other can get the same mark. */
function isSettled(marks: FileMarks, mark: number): boolean {
  return Date.now() - marks.changed(mark) >= SETTLED && marks.isAsBefore(mark);
}
