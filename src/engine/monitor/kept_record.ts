/** What a monitor writes into its container's record between lives; what commands have changed meanwhile stays. */
import {
  changeRecord,
  type ContainerRecord,
  readRecord,
  writeRecord,
} from "../../storage/container_record.ts";

/** Writes how a life ended. */
export function keepEnd(directory: string, record: ContainerRecord): void {
  const { state, restartCount = 0, stoppedByUser = false } = record;
  const end = { state, restartCount, stoppedByUser };
  // Nobody but us knows what was in a record that was damaged while the container ran.
  if (changeRecord(directory, (now) => ({ ...now, ...end })) === undefined) {
    writeRecord(directory, { ...record, ...end });
  }
}

/** Whether a command that could not reach us has left word that the container shall be over. */
export function isStopWanted(directory: string): boolean {
  return readRecord(directory)?.stoppedByUser === true;
}

/** A new start: what the user wanted of the last one, and how it failed, counts no more. */
export function begun(directory: string, record: ContainerRecord): ContainerRecord {
  const fresh = (now: ContainerRecord): ContainerRecord => ({
    ...now,
    restartCount: 0,
    stoppedByUser: false,
    state: now.state.status === "created" ? { status: "created" } : now.state,
  });
  return changeRecord(directory, fresh) ?? fresh(record);
}
