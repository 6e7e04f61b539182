/** The processes that keep a user namespace for the next command: they would outlive a test by minutes. */
import { readFileSync } from "node:fs";
import { readKeeper } from "../../src/rootless/keeper_record.ts";

/** Ends the keeper of a record, unless it has ended or its number is another process's by now. */
export function endKeeper(path: string): void {
  const pid = readKeeper(path)?.pid ?? -1;
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8") === "tsbox-keeper\n") process.kill(pid);
  } catch {
    // It is gone already.
  }
}
