/**
 * From the host into a running container: an executable of a few kilobytes in a sealed memfd.
 *
 * Two processes run it. The first is executed on the host, so that its memory belongs to the host's user
 * namespace and no capability in the container's gives a right over it (ptrace(2), /proc/PID/mem and exe);
 * it joins the container's namespaces, makes the second, and stays outside its pid namespace to wait for
 * it. The second becomes the command.
 */
import { Arena } from "../../ffi/arena.ts";
import { CLONE, PR } from "../../ffi/constants.ts";
import { IMAGE_BASE } from "../../ffi/elf.ts";
import { CLONE_ARGS_SIZE, cloneArgs, opDefaultSignals } from "../../ffi/process.ts";
import { Program } from "../../ffi/program.ts";
import type { NamespaceType } from "../../oci/runtime_spec.ts";
import { hasKeys, namespaceFlags, opOwnKeyring } from "./namespace_ops.ts";
import {
  type Identity,
  type LastSteps,
  opBecome,
  opExecute,
  opNoNewPrivileges,
  opOomScore,
  opReport,
  STUB_FD,
} from "./stub.ts";
import { opOwnTerminal, type TerminalSize } from "./terminal_ops.ts";

/** Descriptors it is started with; the channel is the stub's. Every other one above 2 is closed. */
export const EXEC_FD = { status: 101, userns: 102, target: 103, cgroup: 104 } as const;

const SIGCHLD = 17;
const P_ALL = 0;
// WNOHANG | WEXITED | WNOWAIT
const LOOK_ONLY = 1 | 4 | 0x1000000;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const LAST_FD = 0xffffffff;

/** Bytes that the waiting process writes when the command has ended: the status of wait4(2), in 64 bits. */
export const STATUS_SIZE = 8;

/** What the program does. */
export interface ExecInput extends Identity {
  /** Those of the container's own, without the user's. */
  namespaces: readonly NamespaceType[];
  /** The process gets one of its own. */
  terminal?: TerminalSize | undefined;
  /** The command could use the keys of the caller's session. */
  ownKeyring: boolean;
  /** EXEC_FD.cgroup is the directory of the container's control group. */
  joinCgroup: boolean;
}

/**
 * Builds the program.
 * @throws TsboxError "invalid-argument" for an unknown capability or limit
 */
export function execProgram(input: ExecInput): LastSteps {
  const program = new Program(Arena.image(IMAGE_BASE));
  // On the host, and before its files below /proc are root's.
  opOomScore(program, input.process);
  opUntouchable(program);
  opJoin(program, input.namespaces);
  opMakeInside(program, input);
  opInside(program, input);
  opBecome(program, input);
  opDefaultSignals(program);
  opNoNewPrivileges(program, input);
  const firstExec = program.ops.length;
  const candidates = opExecute(program, input.process);
  opReport(program);
  return { program, firstExec, candidates };
}

/** Before anything else: nobody may look into this process, or has its descriptors. */
function opUntouchable(program: Program): void {
  program.op("forbid inspection", "prctl", [PR.SET_DUMPABLE, 0]);
  program.op("close descriptors", "close_range", [3, STUB_FD.channel - 1, 0]);
  program.op("close descriptors", "close_range", [EXEC_FD.cgroup + 1, LAST_FD, 0]);
  program.op("name the process", "prctl", [PR.SET_NAME, program.arena.text("tsbox-exec")]);
  // Keys of the user's terminal must not stop or end it: it has a process to wait for.
  program.op("leave the terminal", "setsid");
}

function opJoin(program: Program, namespaces: readonly NamespaceType[]): void {
  const { userns, target } = EXEC_FD;
  program.op("join the user namespace", "setns", [userns, CLONE.NEWUSER]);
  // Out of a control group's namespace nobody may start in a group that is not in it.
  const flags = namespaceFlags(namespaces.filter((type) => type !== "cgroup"));
  program.op("join the container's namespaces", "setns", [target, flags]);
  program.op("close a namespace", "close", [userns]);
}

/**
 * Only a new process is in a joined pid namespace. Its own memory, so that the one that waits has its
 * results to itself. Both go on with the next op: the one with a child passes over to the waiting part.
 * It starts in the control group: to be moved there takes a grace period of the kernel, ten milliseconds and more.
 */
function opMakeInside(program: Program, { joinCgroup }: ExecInput): void {
  const cgroup = joinCgroup ? EXEC_FD.cgroup : undefined;
  const args = cloneArgs(program.arena, 0, SIGCHLD, { cgroup });
  program.op("make a process in the container", "clone3", [args, CLONE_ARGS_SIZE]);
  const look = [P_ALL, 0, 0, LOOK_ONLY, 0];
  program.op("look for a child", "waitid", look, { ignore: true, skip: 1 });
  const waiting = opsOf((part) => opWait(part));
  program.op("pass over", "getpid", [], { skip: waiting });
  opWait(program);
}

/** How many ops something appends. */
function opsOf(append: (program: Program) => void): number {
  const program = new Program(Arena.image(IMAGE_BASE));
  append(program);
  return program.ops.length;
}

/** Waits for the command and tells how it ended. Nothing else is held: not the caller's output, not the channel. */
function opWait(program: Program): void {
  const { arena } = program;
  const status = arena.reserve(STATUS_SIZE);
  const { status: fd } = EXEC_FD;
  program.op("close descriptors", "close_range", [0, fd - 1, 0]);
  program.op("close descriptors", "close_range", [fd + 1, LAST_FD, 0]);
  program.op("wait for the command", "wait4", [-1, status, 0, 0]);
  program.op("tell its end", "write", [fd, status, STATUS_SIZE], { ignore: true });
  program.op("exit", "exit_group", [0]);
}

function opInside(program: Program, { terminal, ownKeyring, namespaces }: ExecInput): void {
  if (namespaces.includes("cgroup")) {
    const join = [EXEC_FD.target, CLONE.NEWCGROUP];
    program.op("join the control group namespace", "setns", join);
  }
  program.op("close descriptors", "close_range", [EXEC_FD.status, LAST_FD, 0]);
  const { channel } = STUB_FD;
  program.op("keep the channel to ourselves", "fcntl", [channel, F_SETFD, FD_CLOEXEC]);
  program.op("lead a session", "setsid");
  if (ownKeyring && hasKeys()) opOwnKeyring(program);
  if (terminal !== undefined) opOwnTerminal(program, channel, terminal);
}
