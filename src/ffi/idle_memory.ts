/** Giving memory back in a process that is going to sleep for long. */
import { raw } from "./libc.ts";
import { readTextIfAny } from "./quick_files.ts";

const MADV_DONTNEED = 4;
const MADV_NOHUGEPAGE = 15;

/** A mapping as /proc/PID/smaps describes it; addresses in bytes. */
interface Mapping {
  start: number;
  end: number;
  /** Backed by a file, not writable, and none of its pages is a copy of our own. */
  isClean: boolean;
}

/** Milliseconds in which the engine, once it is idle, has thrown its code away. */
const SHRINKING = 100;

/**
 * Collects garbage, throws away code that was compiled, and gives the pages of the executable back, 30 MB of code
 * that ran once: what is needed again comes back from the page cache. Takes a few milliseconds.
 */
export async function releaseMemory(): Promise<void> {
  // First: what is read is garbage afterwards.
  const clean = mappings(readTextIfAny("/proc/self/smaps") ?? "").filter(({ isClean }) => isClean);
  Bun.shrink();
  await Bun.sleep(SHRINKING);
  Bun.gc(true);
  for (const { start, end } of clean) {
    // The little that a sleeper touches is not to count as 2 MiB each.
    raw("madvise", start, end - start, MADV_NOHUGEPAGE);
    raw("madvise", start, end - start, MADV_DONTNEED);
  }
}

/** Pure. @param smaps the text of /proc/PID/smaps (proc(5)) */
export function mappings(smaps: string): Mapping[] {
  const found: Mapping[] = [];
  for (const line of smaps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p \S+ \S+ \d+ +(\/.*)$/.exec(line);
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) {
      const [, start = "0", end = "0"] = head ?? [];
      found.push({ start: parseInt(start, 16), end: parseInt(end, 16), isClean: head !== null });
    }
    const last = found.at(-1);
    // Relocated data, write-protected since, exists nowhere else.
    if (last !== undefined && /^Anonymous: +[1-9]/.test(line)) last.isClean = false;
  }
  return found;
}
