/** Giving memory back in a process that is going to sleep for long. */
import { Arena } from "./arena.ts";
import { raw } from "./libc.ts";
import { runProgram } from "./executor.ts";
import { opThread } from "./process.ts";
import { Program } from "./program.ts";
import { readTextIfAny } from "./quick_files.ts";

const MADV_DONTNEED = 4;
const PAGE = 4096;

/** A mapping as /proc/PID/smaps describes it; addresses in bytes. */
interface Mapping {
  start: number;
  end: number;
  /** Of its file; empty without one. */
  path: string;
  /** Backed by a file, not writable, and none of its pages is a copy of our own. */
  isClean: boolean;
}

/** Milliseconds in which the engine, once it is idle, has thrown its code away. */
const SHRINKING = 100;
/** Nanoseconds in which we are asleep. */
const FALLING_ASLEEP = 100_000_000;

/** What the latest thread works with. */
let latest: { arena: Arena; alive: number } | undefined;

/**
 * Collects garbage, throws away code that was compiled, and gives the pages of the executable back, 30 MB of code
 * that ran once: what is needed again comes back from the page cache. Takes a few milliseconds.
 */
export async function releaseMemory(): Promise<void> {
  // First: what is read is garbage afterwards.
  const clean = mappings(readTextIfAny("/proc/self/smaps") ?? "").filter(isCode);
  Bun.shrink();
  await Bun.sleep(SHRINKING);
  Bun.gc(true);
  forgetLater(clean);
}

/** Of the executable, or a library: those stay where they are for as long as we live. */
function isCode({ isClean, path }: Mapping): boolean {
  const file = path.replace(/ \(deleted\)$/, "");
  return isClean && (file === process.execPath || /\.so(\.\d+)*$/.test(file));
}

/**
 * Gives pages back when we sleep, by a thread that lives no longer. The way to sleep goes through a dozen places of
 * Bun's code, and with huge pages each of them is 2 MiB.
 */
function forgetLater(clean: readonly Mapping[]): void {
  if (latest !== undefined) {
    // On a machine that is very busy: it does what we are asked for.
    if (latest.arena.word(latest.alive) !== 0) return;
    latest.arena.release();
  }
  const size = Program.OP_SIZE * (clean.length + 3) + PAGE;
  const arena = Arena.live(size + (-size & (PAGE - 1)));
  const program = new Program(arena);
  const alive = opThread(program);
  const time = arena.words([0, FALLING_ASLEEP]);
  program.op("wait", "nanosleep", [time, 0], { ignore: true });
  for (const { start, end } of clean) {
    program.op("give memory back", "madvise", [start, end - start, MADV_DONTNEED], {
      ignore: true,
    });
  }
  program.op("end the thread", "exit", [0]);
  if (runProgram(program) > 0) return void (latest = { arena, alive });
  arena.release();
  latest = undefined;
  for (const { start, end } of clean) raw("madvise", start, end - start, MADV_DONTNEED);
}

/** Pure. @param smaps the text of /proc/PID/smaps (proc(5)) */
export function mappings(smaps: string): Mapping[] {
  const found: Mapping[] = [];
  for (const line of smaps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p \S+ \S+ \d+ +(\/.*)$/.exec(line);
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) {
      const [, start = "0", end = "0", path = ""] = head ?? [];
      const range = { start: parseInt(start, 16), end: parseInt(end, 16) };
      found.push({ ...range, path, isClean: head !== null });
    }
    const last = found.at(-1);
    // Relocated data, write-protected since, exists nowhere else.
    if (last !== undefined && /^Anonymous: +[1-9]/.test(line)) last.isClean = false;
  }
  return found;
}
