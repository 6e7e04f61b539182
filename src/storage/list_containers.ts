/** The containers of a store as lists show them: of those that do not run, nothing is read twice. */
import { FileMarks, MARK } from "../ffi/file_marks.ts";
import { addToScan, type ContainerScan, newestFirst, readContainer } from "./containers.ts";
import { type ListedContainer, type ListedRecord, listedRecord } from "./listed_record.ts";
import { type MarkedRecord, RestingContainers, writeResting } from "./resting_containers.ts";

/** Milliseconds after which two contents of a file cannot have the same time, however coarse the kernel's clock. */
const SETTLED = 2000;
/** So many new ones are worth writing the file; reading a few records more is not. */
const WORTH_WRITING = 20;

/** A mark, by its number, and what is known of the record. */
interface Known {
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
  const cache = new RestingContainers(dataRoot);
  const marks = new FileMarks(folder, "container.json");
  const scan: ContainerScan<ListedContainer> = { containers: [], unrecorded: [], damaged: [] };
  const learned: Known[] = [];
  try {
    for (let mark = 0; mark < marks.count; mark++) {
      const known = cache.find(marks.words, mark * MARK.words);
      if (known !== undefined && !resting) continue;
      const record = known === undefined ? undefined : cache.record(known);
      if (record === undefined) {
        const container = take(scan, `${folder}/${marks.id(mark)}`);
        if (container !== undefined && isFinal(container.record) && isSettled(marks, mark)) {
          learned.push({ mark, record: listedRecord(container.record) });
        }
      } else {
        scan.containers.push({ record, directory: `${folder}/${record.id}`, owned: false });
      }
    }
    for (const name of marks.others) take(scan, `${folder}/${name}`);
    if (learned.length >= WORTH_WRITING) keep(dataRoot, cache, marks, learned);
  } finally {
    marks.close();
  }
  return newestFirst(scan);
}

/** Reads a container, and adds it to what it is. */
function take(scan: ContainerScan<ListedContainer>, directory: string) {
  const container = readContainer(directory);
  addToScan(scan, directory, container);
  return container;
}

/** Whether it stays so until somebody starts or deletes the container. What a killed `run --rm` left does not. */
function isFinal({ state, options }: ListedRecord): boolean {
  return state.status === "created" || (state.status === "exited" && !options.remove);
}

/** Whether the record that was read is the marked one, and no other can get the same mark. */
function isSettled(marks: FileMarks, mark: number): boolean {
  return Date.now() - marks.changed(mark) >= SETTLED && marks.isAsBefore(mark);
}

/** Keeps what was known and still is, and what was learned. */
function keep(
  dataRoot: string,
  cache: RestingContainers,
  marks: FileMarks,
  learned: readonly Known[],
): void {
  const all: MarkedRecord[] = [];
  const add = (mark: number, record: ListedRecord) => {
    const at = mark * MARK.words;
    all.push({ mark: marks.words.slice(at, at + MARK.words), record });
  };
  for (let mark = 0; mark < marks.count; mark++) {
    const known = cache.find(marks.words, mark * MARK.words);
    const record = known === undefined ? undefined : cache.record(known);
    if (record !== undefined) add(mark, record);
  }
  for (const { mark, record } of learned) add(mark, record);
  writeResting(dataRoot, all);
}
