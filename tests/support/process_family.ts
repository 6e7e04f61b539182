/** The processes that belong to the containers of one home: monitors, commands, what they have started. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { TSBOX } from "./cli.ts";

/** A live process, as /proc shows it. */
export interface FamilyMember {
  pid: number;
  parent: number;
  /** When it was started (field 22 of /proc/PID/stat). */
  start: string;
  /** Words of its command line; empty for one that is ending. */
  words: string[];
  role: "command" | "monitor" | "worker" | "keeper" | "other";
}

/** What is known before looking; a look at every process of a busy machine takes longer than a command. */
export interface FamilyHints {
  /** In the command lines of a container's processes, which stay when all others are killed. */
  mark?: string;
  /** Only processes with larger numbers are looked at. */
  after?: number;
  /** Members from before. */
  known?: readonly FamilyMember[];
}

/** Everything that belongs to a home, the keeper of its user namespace left out. */
export function family(home: string, hints: FamilyHints = {}): FamilyMember[] {
  const { mark, after = 0, known: before = [] } = hints;
  const all = readdirSync("/proc").map(Number).filter((pid) => pid > after && pid !== process.pid)
    .map(look).filter((found) => found !== undefined);
  const members = before.filter(isSameLife);
  members.push(
    ...all.filter(({ pid, role, words }) =>
      mark !== undefined && words.includes(mark) || role !== "other" && belongs(pid, home)
    ),
  );
  for (let size = -1; size !== members.length;) {
    size = members.length;
    const known = new Set(members.map(({ pid }) => pid));
    members.push(...all.filter(({ pid, parent }) => known.has(parent) && !known.has(pid)));
  }
  return members.filter(({ role }) => role !== "keeper");
}

function look(pid: number): FamilyMember | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = "", parent = "", start = ""] = [fields[0], fields[1], fields[19]];
    if (state === "Z" || state === "X") return undefined;
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    return { pid, parent: Number(parent), start, words, role: roleOf(pid, words) };
  } catch {
    return undefined; // it has ended meanwhile
  }
}

/** Whether the process is still there, and not another one with its number. */
export function isSameLife({ pid, start }: FamilyMember): boolean {
  return look(pid)?.start === start;
}

function roleOf(pid: number, words: readonly string[]): FamilyMember["role"] {
  if (words[0] === "tsbox-keeper") return "keeper";
  if (words.includes("@monitor")) return "monitor";
  if (words.includes("@worker")) return "worker";
  try {
    return readlinkSync(`/proc/${pid}/exe`) === TSBOX ? "command" : "other";
  } catch {
    return "other";
  }
}

/** By its environment, which whatever we start inherits, or by what it was told to work on. */
function belongs(pid: number, home: string): boolean {
  try {
    return ["environ", "cmdline"].some((name) =>
      readFileSync(`/proc/${pid}/${name}`, "latin1").includes(home)
    );
  } catch {
    return false;
  }
}

/** Kills; nothing for those that have ended. */
export function killAll(members: readonly Pick<FamilyMember, "pid">[]): void {
  for (const { pid } of members) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended, or its user is another by now.
    }
  }
}
