/** A process of the caller's that becomes nobody's. */
import { PR } from "./constants.ts";
import { address, nulTerminated, raw, view } from "./libc.ts";
import { readText } from "./quick_files.ts";

/** Of /proc/PID/stat (proc_pid_stat(5)), counted from the field behind the name: where the arguments begin and end. */
const ARGUMENTS = { start: 45, end: 46 } as const;

/** Lives on when its parent ends, in a session of its own, in no directory of the caller's. @param name of the process */
export function leaveCaller(name: string): void {
  raw("prctl", PR.SET_PDEATHSIG, 0);
  raw("setsid");
  const root = nulTerminated("/");
  raw("chdir", address(root));
  const text = nulTerminated(name);
  raw("prctl", PR.SET_NAME, address(text));
}

/**
 * Has `ps` show other words than those that the process was started with, which may be secret: overwrites them in
 * memory, which is what others read.
 */
export function showAs(words: readonly string[]): void {
  const stat = readText("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [start, end] = [Number(fields[ARGUMENTS.start]), Number(fields[ARGUMENTS.end])];
  if (!start || !end || end <= start) return;
  const memory = view(start, end - start).fill(0);
  const text = new TextEncoder().encode(`${words.join("\0")}\0`);
  memory.set(text.subarray(0, memory.length - 1));
}
