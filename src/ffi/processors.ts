/**
 * On which processors processes run (sched_setaffinity(2)).
 *
 * Where there are two processors, the kernel often has a process and the one that has just begun beside it share one
 * while the other is idle: it wakes who waits for a message where the sender is, expecting that to sleep next, and a
 * busy system does not look for a better place. A launch takes a tenth longer then.
 */
import { address, raw } from "./libc.ts";
import { readTextIfAny } from "./quick_files.ts";

/** Bytes of a set of processors: more than a kernel is made for, or we do without. */
const SIZE = 128;
/** Words in a set: both architectures have the lowest first. */
const WORDS = SIZE / 4;
const ALL = 0xffffffff;
// Three sets and a number, of a size that does not move (bun-facts K1). All who are kept apart have them in common: where
// we are now is only a good place.
const words = new Uint32Array(1024);
const OTHERS = address(words);
const HERE = OTHERS + SIZE;
const EVERYWHERE = HERE + SIZE;
const NUMBER = EVERYWHERE + SIZE;

/** A process that is kept away from the processor that we are on. */
export interface KeptApart {
  /** Runs an action that waits for the process, which must not take us to where that is. */
  waitFor<T>(action: () => T): T;
  /** Lets it run anywhere. */
  letGo(): void;
}

/**
 * Keeps a process of ours away from the processor that we are on; undefined where that cannot be, or we may not run
 * anywhere: who has been given a set once has it for good, whatever his control group is given later.
 */
export function keepApart(pid: number): KeptApart | undefined {
  words.fill(0, 0, 2 * WORDS);
  words.fill(ALL, 2 * WORDS, 3 * WORDS);
  if (raw("sched_getaffinity", 0, SIZE, OTHERS) <= 0 || !isEverywhere()) return undefined;
  if (raw("getcpu", NUMBER) < 0) return undefined;
  const cpu = words[3 * WORDS] ?? 0;
  const at = cpu >>> 5;
  words[at] = (words[at] ?? 0) & ~(1 << (cpu & 31));
  words[at + WORDS] = 1 << (cpu & 31);
  if (set(pid, OTHERS) !== 0) return undefined;
  return {
    waitFor(action) {
      set(0, HERE);
      try {
        return action();
      } finally {
        set(0, EVERYWHERE);
      }
    },
    letGo: () => void set(pid, EVERYWHERE),
  };
}

function set(pid: number, processors: number): number {
  return raw("sched_setaffinity", pid, SIZE, processors);
}

/** Whether the first set, ours, has every processor of the machine. */
function isEverywhere(): boolean {
  let ours = 0;
  for (let at = 0; at < WORDS; at++) {
    for (let word = words[at] ?? 0; word !== 0; word &= word - 1) ours++;
  }
  return ours === countOf(readTextIfAny("/sys/devices/system/cpu/online") ?? "");
}

/** How many there are in a list such as `0-3,8`. */
function countOf(list: string): number {
  let count = 0;
  for (const range of list.trim().split(",")) {
    const [first, last = first] = range.split("-");
    count += Number(last) - Number(first) + 1;
  }
  return count;
}
