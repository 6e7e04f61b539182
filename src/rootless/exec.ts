/** Starting one more process in a container that runs. */
import { AT_EMPTY_PATH, CLONE } from "../ffi/constants.ts";
import { Arena } from "../ffi/arena.ts";
import { toElf } from "../ffi/elf.ts";
import { runProgram } from "../ffi/executor.ts";
import { address, raw } from "../ffi/libc.ts";
import { sealedFile } from "../ffi/memfd.ts";
import {
  ended,
  type Ending,
  endingOf,
  errorOf,
  opClone,
  opPlace,
  opStdio,
  pipe,
  waitBlocking,
} from "../ffi/process.ts";
import { Program } from "../ffi/program.ts";
import { closeFile } from "../ffi/quick_files.ts";
import { receive, socketPair } from "../ffi/socket.ts";
import type { NamespaceType, SpecProcess } from "../oci/runtime_spec.ts";
import { TsboxError } from "../errors.ts";
import type { ContainerProcess } from "./container_process.ts";
import { EXEC_FD, execProgram, STATUS_SIZE } from "./launch/exec_program.ts";
import { hardLimitOfFiles } from "./launch/rlimits.ts";
import { type LastSteps, STUB_FD } from "./launch/stub.ts";
import { stubFailure } from "./launch/stub_failure.ts";
import type { TerminalSize } from "./launch/terminal_ops.ts";
import type { SeccompFilter } from "./seccomp/filter.ts";

/** What is to be started, and where. */
export interface ExecRequest {
  container: ContainerProcess;
  /** Those the container has of its own. */
  namespaces: readonly NamespaceType[];
  /** With its user. */
  process: SpecProcess;
  filter: SeccompFilter | undefined;
  /** The caller's keys could be used by the command: it gets a keyring of its own. */
  ownKeyring: boolean;
  /** Unused with a terminal. Each is its own number, or above 2. */
  stdio: readonly [number, number, number];
  terminal?: TerminalSize | undefined;
  /** Descriptor of the directory of the container's control group. */
  cgroup?: number | undefined;
}

/** A process that was started in a container. It needs nobody: neither us nor our end is its business. */
export interface ExecProcess {
  /** Host pid of the process outside of the container that waits for it, a child of ours. */
  waiter: number;
  /** Master side of its terminal, close-on-exec; the caller's to close. */
  terminal?: number;
  /** Blocks until the command has ended. Either this or {@link ended}, once. */
  wait(): Ending;
  /** Resolves when the command has ended. */
  ended(): Promise<Ending>;
}

/** Bytes of the program that executes the stub: two dozen calls. */
const WAY_IN = 16 << 10;
/** Most that is reported: the results of all ops. */
const MAX_REPORT = 1 << 20;

/**
 * Starts a process in the container, and returns when its command is executed.
 * @throws TsboxError "command-not-found", "cannot-execute", or SyscallError for the step that failed
 */
export function startExec(request: ExecRequest): ExecProcess {
  const stub = execProgram({
    process: request.process,
    ...(request.filter === undefined ? {} : { filter: request.filter }),
    setGroups: maySetGroups(request.container),
    hardNofile: hardLimitOfFiles(),
    namespaces: ownNamespaces(request.namespaces),
    terminal: request.terminal,
    ownKeyring: request.ownKeyring,
    joinCgroup: request.cgroup !== undefined,
  });
  const file = sealedFile("tsbox-exec", toElf(stub.program));
  const channel = socketPair();
  const status = pipe();
  const waiter = startProgram(request, { file, channel: channel.theirs, status: status.write });
  for (const fd of [file, channel.theirs, status.write]) closeFile(fd);
  try {
    const terminal = waitExecuted(channel.ours, stub, request.process);
    const wait = () => {
      const ending = readEnding(status.read);
      waitBlocking(waiter);
      return ending;
    };
    const waitAsync = async () => {
      await ended(waiter);
      return readEnding(status.read);
    };
    return { waiter, wait, ended: waitAsync, ...(terminal === undefined ? {} : { terminal }) };
  } catch (error) {
    closeFile(status.read);
    waitBlocking(waiter);
    throw error;
  } finally {
    closeFile(channel.ours);
  }
}

/** A user namespace with one id is made without setgroups(2). */
function maySetGroups({ gids }: ContainerProcess): boolean {
  return gids.length !== 1 || gids[0]?.size !== 1;
}

function ownNamespaces(types: readonly NamespaceType[]): NamespaceType[] {
  return types.filter((type) => type !== "user");
}

interface Descriptors {
  file: number;
  channel: number;
  status: number;
}

/** Executes the program in a child, with its descriptors in their places. Returns its pid. */
function startProgram(request: ExecRequest, { file, channel, status }: Descriptors): number {
  const { container, cgroup, stdio, terminal } = request;
  const program = new Program(Arena.live(WAY_IN));
  const { arena } = program;
  opClone(program, CLONE.VFORK);
  if (terminal === undefined) opStdio(program, stdio);
  const placings = [
    [channel, STUB_FD.channel],
    [status, EXEC_FD.status],
    [container.userns, EXEC_FD.userns],
    [container.handle, EXEC_FD.target],
    ...(cgroup === undefined ? [] : [[cgroup, EXEC_FD.cgroup] as const]),
  ] as const;
  const theWay = opPlace(program, placings, file);
  const none = arena.vector([]);
  const args = [theWay, arena.text(""), none, none, AT_EMPTY_PATH];
  program.op("execute the way into the container", "execveat", args);
  const pid = runProgram(program);
  const failure = program.failure();
  // The child has executed its file, or is no more; whoever lives long starts many.
  arena.release();
  if (pid < 0) throw new TsboxError("host", "Cannot start the process: the host allows no more");
  if (failure === undefined) return pid;
  waitBlocking(pid);
  throw errorOf(failure, "new process");
}

/** Reads the channel to its end, which is the command's execve. Returns the terminal's master. */
function waitExecuted(channel: number, stub: LastSteps, process: SpecProcess): number | undefined {
  const first = receive(channel, 16);
  const { descriptor: terminal } = first;
  const report = terminal === undefined ? first.bytes : receive(channel, 16).bytes;
  if (report.length !== 16) return terminal;
  if (terminal !== undefined) closeFile(terminal);
  throw stubFailure(stub, process, report, receive(channel, MAX_REPORT).bytes);
}

/** What the waiting process wrote before it ended. Blocks until then; closes the pipe. */
function readEnding(status: number): Ending {
  const word = new BigUint64Array(1);
  const length = raw("read", status, address(word), STATUS_SIZE);
  closeFile(status);
  if (length === STATUS_SIZE) return endingOf(Number(word[0] ?? 0n));
  // Killed before it could tell.
  return { kind: "killed", signal: 9 };
}
