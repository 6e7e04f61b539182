/** `top`: the processes of a container, as the host's own ps shows them. */
import { readdirSync, readlinkSync } from "node:fs";
import { readTextIfAny } from "../ffi/quick_files.ts";
import { closeContainerProcess } from "../rootless/container_process.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { openRunning } from "./exec/container.ts";

/** As docker's API answers (`ContainerTop`). */
export interface ProcessTable {
  Titles: string[];
  /** A row a process; as many fields as titles. */
  Processes: string[][];
}

const DEFAULT_ARGUMENTS = ["-ef"];
/** Longer output of ps is not the processes of a container. */
const MAX_OUTPUT = 64 << 20;

/**
 * Lists the processes of a running container. Their ids and users are the host's.
 * @param psArguments for ps(1); empty is `-ef`. The column PID must be among what it shows
 * @throws TsboxError "not-found", "invalid-state", "invalid-argument", or "host" when there is no ps
 */
export async function topContainer(
  context: EngineContext,
  name: string,
  psArguments: readonly string[],
): Promise<ProcessTable> {
  refuseRenamedPid(psArguments);
  const container = openRunning(context.dataRoot, name);
  try {
    const pids = containerPids(container.process.pid, container.record.options.pid === "host");
    const args = psArguments.length === 0 ? DEFAULT_ARGUMENTS : psArguments;
    const chosen = await runPs([...args, "-q", [...pids].join(",")], context);
    // What does not go with -q, or knows none: all processes, of which we take ours.
    const { output } = chosen.status === 0 ? chosen : await checked(runPs(args, context));
    return parsePs(output, pids);
  } finally {
    closeContainerProcess(container.process);
  }
}

/** Docker's rule: the column must be known by its own name. */
function refuseRenamedPid(args: readonly string[]): void {
  const renamed = / *(\S+)= *(PID\S*)/.exec(` ${args.join(" ")}`);
  if (renamed === null || renamed[1]?.replace(/.*,/, "") === "pid") return;
  throw new TsboxError(
    "invalid-argument",
    `specifying "${renamed[1]}=${renamed[2]}" is not allowed`,
  );
}

/** Host pids of the container's processes: those of its pid namespace, and what was started by one of them. */
export function containerPids(first: number, hostPids: boolean): Set<number> {
  const kind = hostPids ? "mnt" : "pid";
  const own = namespaceOf(first, kind);
  const parents = new Map<number, number>();
  const found = new Set<number>([first]);
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!(pid > 0)) continue;
    const parent = parentOf(pid);
    if (parent === undefined) continue;
    parents.set(pid, parent);
    if (own !== undefined && namespaceOf(pid, kind) === own) found.add(pid);
  }
  // Also those in namespaces below.
  for (let grown = true; grown;) {
    grown = false;
    for (const [pid, parent] of parents) {
      if (found.has(pid) || !found.has(parent)) continue;
      found.add(pid);
      grown = true;
    }
  }
  return found;
}

/** Undefined: it is gone, or not ours to look into. */
function namespaceOf(pid: number, kind: "mnt" | "pid"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

function parentOf(pid: number): number | undefined {
  const stat = readTextIfAny(`/proc/${pid}/stat`);
  // The name in brackets may contain anything.
  return stat === undefined
    ? undefined
    : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

interface PsAnswer {
  status: number;
  output: string;
  errors: string;
}

async function runPs(args: readonly string[], { env }: EngineContext): Promise<PsAnswer> {
  const ps = Bun.which("ps", { PATH: env["PATH"] ?? "/usr/bin:/bin" });
  if (ps === null) {
    throw new TsboxError("host", "Cannot list processes: there is no ps", {
      hint: "install it (Debian: apt-get install procps)",
    });
  }
  const child = Bun.spawn([ps, ...args], {
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    maxBuffer: MAX_OUTPUT,
  });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await child.exited, output, errors };
}

async function checked(answer: Promise<PsAnswer>): Promise<PsAnswer> {
  const { status, errors, output } = await answer;
  if (status === 0) return { status, errors, output };
  const [line = ""] = errors.trim().split("\n");
  throw new TsboxError("invalid-argument", `ps: ${line || `it ended with status ${status}`}`);
}

/**
 * The rows of ps about the given processes. The last column takes all that is left of a line.
 * @throws TsboxError "invalid-argument" without a column PID
 */
export function parsePs(output: string, pids: ReadonlySet<number>): ProcessTable {
  const [first = "", ...lines] = output.trimEnd().split("\n");
  const Titles = fields(first);
  const column = Titles.indexOf("PID");
  if (column < 0) throw new TsboxError("invalid-argument", "Couldn't find PID field in ps output");
  const Processes: string[][] = [];
  let ours = false;
  for (const line of lines) {
    const row = fields(line);
    const text = row[column] ?? "";
    // With -m ps shows the threads of a process below it.
    if (text !== "-") ours = pids.has(Number(text));
    if (!ours || row.length === 0) continue;
    const last = Titles.length - 1;
    Processes.push([...row.slice(0, last), row.slice(last).join(" ")]);
  }
  return { Titles, Processes };
}

function fields(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== "");
}
