/** Files of the store that only save time: what is in them can be found out anew. */
import { rename, writeText } from "../ffi/quick_files.ts";

/** Milliseconds after which two contents of a file cannot have the same time, however coarse the kernel's clock. */
export const SETTLED = 2000;

/** Replaces such a file. Not being able to is no error: the store is full, or not ours to write. */
export function writeCache(dataRoot: string, name: string, text: string): void {
  const temporary = `${dataRoot}/tmp/${name}.${process.pid}`;
  try {
    writeText(temporary, text, 0o600);
    rename(temporary, `${dataRoot}/${name}`);
  } catch {
    // What it would have saved is done again the next time.
  }
}
