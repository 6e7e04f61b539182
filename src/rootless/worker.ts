/** Runs our own executable inside the user namespace, as its root: for work that needs JavaScript there. */
import { Arena } from "../ffi/arena.ts";
import { CLONE, O, PR, SIGCHLD, SIGKILL } from "../ffi/constants.ts";
import { runProgram } from "../ffi/executor.ts";
import {
  CLONE_ARGS_SIZE,
  cloneArgs,
  ended,
  type Ending,
  errorOf,
  opClone,
  opDefaultSignals,
  opPlace,
  opStdio,
  pipe,
  type Placing,
  waitBlocking,
} from "../ffi/process.ts";
import { type Arg, Program } from "../ffi/program.ts";
import { closeFile, openFile } from "../ffi/quick_files.ts";
import type { UserNamespace } from "./user_namespace.ts";

/** A worker that was started; the caller closes both descriptors. */
export interface Worker {
  pid: number;
  /** Write end of its standard input. */
  stdin: number;
  /** Read end of its standard output. */
  stdout: number;
  exited: Promise<Ending>;
}

/**
 * The last tier of JavaScriptCore's compilers costs more than it saves in a process that lives for a second:
 * a tenth of the processor time of a pull.
 */
const ENVIRONMENT = [
  "PATH=/usr/bin:/bin",
  "BUN_JSC_useFTLJIT=0",
  // Its own defaults, which our executable raises for short commands (scripts/compile/start_code.ts).
  "BUN_JSC_thresholdForJITAfterWarmUp=500",
  "BUN_JSC_thresholdForJITSoon=100",
];

/** How to start ourselves: the executable, and arguments that come before the role's own. */
export interface SelfCommand {
  path: string;
  args: readonly string[];
}

/** The first of the descriptors that a worker has beside its standard ones; others follow it. */
export const WORKER_FILE = 200;

/**
 * Appends ops of a worker that is root of the user namespace already and executed afterwards.
 * @returns the descriptors that it is to have from {@link WORKER_FILE} on
 */
export type WorkerPlace = (program: Program) => readonly Arg[];

/**
 * Starts the executable as root of the user namespace with `args` behind our own; standard error is shared.
 * The worker dies with us.
 * @throws SyscallError
 */
export function startWorker(
  userns: UserNamespace,
  self: SelfCommand,
  args: readonly string[],
  place: WorkerPlace = () => [],
): Worker {
  const [input, output] = [pipe(), pipe()];
  const program = new Program(Arena.live());
  opClone(program, CLONE.VFORK);
  opBecomeRoot(program, userns);
  const files = place(program).map((file, i): Placing => [file, WORKER_FILE + i]);
  opPlace(program, [[input.read, 0], [output.write, 1], ...files]);
  program.op("die with the parent", "prctl", [PR.SET_PDEATHSIG, SIGKILL]);
  opExecute(program, self, args);
  const pid = runProgram(program);
  closeFile(input.read);
  closeFile(output.write);
  const failure = program.failure();
  if (failure === undefined) {
    return { pid, stdin: input.write, stdout: output.read, exited: ended(pid) };
  }
  closeFile(input.write);
  closeFile(output.read);
  if (pid > 0) waitBlocking(pid);
  throw errorOf(failure, "worker");
}

/**
 * Starts a worker that outlives us: in a session of its own, nobody's child, with nothing to read and nobody who
 * listens.
 * @throws SyscallError
 */
export function startLoneWorker(
  userns: UserNamespace,
  self: SelfCommand,
  args: readonly string[],
): void {
  const nothing = openFile("/dev/null", O.RDWR);
  const program = new Program(Arena.live());
  opClone(program, CLONE.VFORK);
  program.op("leave the terminal", "setsid");
  program.op("leave the directory", "chdir", [program.arena.text("/")]);
  // The first one ends when the second was executed: so we know, and leave it nothing to report to.
  const second = cloneArgs(program.arena, CLONE.VM + CLONE.VFORK, SIGCHLD);
  program.op("leave the parent", "clone3", [second, CLONE_ARGS_SIZE], { fork: "exit" });
  opBecomeRoot(program, userns);
  opStdio(program, [nothing, nothing, nothing]);
  opExecute(program, self, args);
  const pid = runProgram(program);
  closeFile(nothing);
  if (pid > 0) waitBlocking(pid);
  const failure = program.failure();
  if (failure !== undefined) throw errorOf(failure, "worker");
}

function opBecomeRoot(program: Program, userns: UserNamespace): void {
  program.op("join the user namespace", "setns", [userns.fd, CLONE.NEWUSER]);
  program.op("become root of the user namespace", "setresgid", [0, 0, 0]);
  program.op("become root of the user namespace", "setresuid", [0, 0, 0]);
  program.op("drop supplementary groups", "setgroups", [0, 0], {
    ignore: userns.map.kind === "single",
  });
}

function opExecute(program: Program, self: SelfCommand, args: readonly string[]): void {
  const { arena } = program;
  opDefaultSignals(program);
  program.op(`execute ${self.path}`, "execve", [
    arena.text(self.path),
    arena.vector(["tsbox", ...self.args, ...args]),
    arena.vector(ENVIRONMENT),
  ]);
}
