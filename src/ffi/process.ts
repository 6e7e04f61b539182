/** Processes: making them by syscall programs, waiting for them, signalling them. */
import { Arena } from "./arena.ts";
import { CLONE, F_DUPFD_CLOEXEC, SIG_SETMASK, SIGCHLD, WNOHANG } from "./constants.ts";
import { runProgram } from "./executor.ts";
import { address, raw, sys, SyscallError } from "./libc.ts";
import { type Arg, type Failure, Program } from "./program.ts";

const FUTEX_WAIT = 0;

/** Which descriptor goes where. */
export type Placing = readonly [fd: Arg, place: number];

/** How a process ended: its exit code, or the signal that killed it. */
export type Ending = { kind: "exited"; code: number } | { kind: "killed"; signal: number };

/** From the status of wait4(2). */
export function endingOf(status: number): Ending {
  const signal = status & 127;
  return signal === 0 ? { kind: "exited", code: (status >> 8) & 255 } : { kind: "killed", signal };
}

/** The shell's convention: the code, or 128 + signal. */
export function exitStatus(ending: Ending): number {
  return ending.kind === "exited" ? ending.code : 128 + ending.signal;
}

/** Waits for a child of ours, blocking. @throws SyscallError ECHILD when it is not our child */
export function waitBlocking(pid: number): Ending {
  const status = new Uint32Array(1);
  sys(`wait for process ${pid}`, "wait4", pid, address(status), 0, 0);
  return endingOf(status[0] ?? 0);
}

/** How a child of ours ended, if it has. */
export function poll(pid: number): Ending | undefined {
  const status = new Uint32Array(1);
  return raw("wait4", pid, address(status), WNOHANG, 0) === pid
    ? endingOf(status[0] ?? 0)
    : undefined;
}

/** Resolves when a child of ours has ended; waits by SIGCHLD, not by polling. */
export function ended(pid: number): Promise<Ending> {
  return new Promise((resolve) => {
    // A signal handler alone does not keep the event loop alive (bun-facts E).
    const alive = setInterval(() => {}, 0x7fffffff);
    const look = () => {
      const ending = poll(pid);
      if (ending === undefined) return;
      process.off("SIGCHLD", look);
      clearInterval(alive);
      resolve(ending);
    };
    process.on("SIGCHLD", look);
    look();
  });
}

/** A pidfd of a process: from then on its number cannot become another's unnoticed. @throws SyscallError */
export function openProcess(pid: number): number {
  return sys(`open process ${pid}`, "pidfd_open", pid, 0);
}

/** Sends a signal; false when there is no such process. */
export function sendSignal(pid: number, signal: number): boolean {
  return raw("kill", pid, signal) === 0;
}

/** A pipe whose ends are close-on-exec. */
export function pipe(): { read: number; write: number } {
  const ends = new Uint32Array(2);
  sys("make a pipe", "pipe2", address(ends), 0o2000000);
  return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
}

/**
 * Address of clone3's argument structure (struct clone_args, 88 bytes).
 * @param cgroup a directory's descriptor
 * @param tid address of a word that gets the number, and is cleared when the child executes something or ends
 */
export function cloneArgs(
  arena: Arena,
  flags: number,
  exitSignal: number,
  { cgroup, tid }: { cgroup?: number | undefined; tid?: number | undefined } = {},
): number {
  const all = flags + (cgroup === undefined ? 0 : CLONE.INTO_CGROUP) +
    (tid === undefined ? 0 : CLONE.PARENT_SETTID + CLONE.CHILD_CLEARTID);
  const word = tid ?? 0;
  return arena.words([all, 0, word, word, exitSignal, 0, 0, 0, 0, 0, cgroup ?? 0]);
}

/** Size of struct clone_args as passed to clone3. */
export const CLONE_ARGS_SIZE = 88;

/**
 * Appends the op that makes a child sharing our memory, in new namespaces as `flags` say.
 * @param cgroup descriptor of the control group's directory that it starts in; default: ours
 */
export function opClone(program: Program, flags: number, cgroup?: number): void {
  const all = CLONE.VM + CLONE.CLEAR_SIGHAND + flags;
  const args = cloneArgs(program.arena, all, SIGCHLD, { cgroup });
  program.op("make a process", "clone3", [args, CLONE_ARGS_SIZE], { fork: "return" });
}

/**
 * Appends the op that makes a thread of ours: it runs what follows, to exit(2), and nobody needs to wait for it.
 * @returns address of a word that is not 0 from then on until the thread has ended
 */
export function opThread(program: Program): number {
  const flags = CLONE.VM + CLONE.FS + CLONE.FILES + CLONE.SIGHAND + CLONE.THREAD;
  return opCloneWatched(program, "make a thread", flags, 0);
}

/**
 * Appends the op that makes a child sharing our memory, which the caller does not wait for as for one with
 * CLONE_VFORK, but by {@link waitCleared}.
 * @returns address of a word that is not 0 from then on until the child has executed something, or ended
 */
export function opCloneToExecute(program: Program): number {
  return opCloneWatched(program, "make a process", CLONE.VM + CLONE.CLEAR_SIGHAND, SIGCHLD);
}

function opCloneWatched(program: Program, what: string, flags: number, exitSignal: number): number {
  const { arena } = program;
  const word = arena.reserve(8);
  const args = cloneArgs(arena, flags, exitSignal, { tid: word });
  program.op(what, "clone3", [args, CLONE_ARGS_SIZE], { fork: "return" });
  return word;
}

/** Waits until the kernel has cleared the word of {@link opCloneToExecute} or {@link opThread}. */
export function waitCleared({ arena }: Program, word: number): void {
  for (let pid; (pid = arena.word(word)) !== 0;) raw("futex", word, FUTEX_WAIT, pid, 0);
}

/** Appends the ops that give the child its standard descriptors; each is an open one or a register. */
export function opStdio(program: Program, stdio: readonly (Arg | undefined)[]): void {
  stdio.forEach((fd, target) => {
    if (fd === undefined || fd === target) return;
    program.op(`redirect descriptor ${target}`, "dup3", [fd, target, 0]);
  });
}

/**
 * Appends the ops that give the child descriptors at chosen numbers, where they survive execve, whatever numbers
 * these and others have: what lies in a place that is wanted is moved aside first. Who lives long has many open.
 * @param other a descriptor that is needed behind this
 * @returns where that one is then
 */
export function opPlace(program: Program, placings: readonly Placing[], other: Arg = -1): Arg {
  const places: number[] = [];
  let above = 0;
  for (const [, place] of placings) {
    places.push(place);
    if (place >= above) above = place + 1;
  }
  const outside = (fd: Arg): Arg => {
    if (typeof fd === "number" && !places.includes(fd)) return fd;
    const copy = program.register();
    const args = [fd, F_DUPFD_CLOEXEC, above];
    program.op("move a descriptor aside", "fcntl", args, { into: copy });
    return copy;
  };
  const sources: Arg[] = [];
  for (const [fd] of placings) sources.push(outside(fd));
  const kept = outside(other);
  for (let i = 0; i < places.length; i++) {
    program.op("pass a descriptor on", "dup3", [sources[i] ?? -1, places[i] ?? -1, 0]);
  }
  return kept;
}

/** Appends the ops after which the child takes signals again; Bun ignores SIGPIPE and SIGXFSZ, execve would keep that. */
export function opDefaultSignals(program: Program): void {
  const none = program.arena.words([0, 0, 0, 0]);
  for (const signal of [13, 25]) program.op("reset signals", "rt_sigaction", [signal, none, 0, 8]);
  program.op("unblock signals", "rt_sigprocmask", [SIG_SETMASK, none, 0, 8]);
}

/** The error of a program that failed in a child. */
export function errorOf(failure: Failure, stage: string): SyscallError {
  return new SyscallError(failure.op.what, failure.op.call, failure.errno, stage);
}

/** A command to start outside of any container. */
export interface HostCommand {
  /** Candidates, tried in order. */
  paths: readonly string[];
  args: readonly string[];
  env: readonly string[];
  /** Descriptors to use as 0, 1, 2; undefined keeps ours. */
  stdio: readonly (number | undefined)[];
}

/**
 * Starts a program on the host and returns its pid once it was executed.
 * @throws SyscallError when none of the paths can be executed
 */
export function startHostCommand(command: HostCommand): number {
  const arena = Arena.live();
  const program = new Program(arena);
  opClone(program, CLONE.VFORK);
  opStdio(program, command.stdio);
  opDefaultSignals(program);
  const [args, env] = [arena.vector(command.args), arena.vector(command.env)];
  command.paths.forEach((path, i) => {
    const last = i === command.paths.length - 1;
    program.op(`execute ${path}`, "execve", [arena.text(path), args, env], { ignore: !last });
  });
  const pid = runProgram(program);
  const failure = program.failure();
  if (failure === undefined) return pid;
  if (pid > 0) waitBlocking(pid);
  throw errorOf(failure, "new process");
}
