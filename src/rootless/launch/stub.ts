/**
 * The last steps before a container's own command: an executable of a few kilobytes in a sealed memfd.
 *
 * They run from a file of their own, after a first execve, so that nothing inside the container ever
 * sees the tsbox executable as /proc/PID/exe (CVE-2019-5736) or has our memory.
 */
import { Arena } from "../../ffi/arena.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O, PR, RESOLVE, SIGKILL } from "../../ffi/constants.ts";
import { IMAGE_BASE } from "../../ffi/elf.ts";
import { opDefaultSignals } from "../../ffi/process.ts";
import { Program, type ProgramPart } from "../../ffi/program.ts";
import { capabilityBits } from "../../container/capabilities.ts";
import type { SpecProcess } from "../../oci/runtime_spec.ts";
import type { SeccompFilter } from "../seccomp/filter.ts";
import { execCandidates } from "./exec_candidates.ts";
import { rlimitNumber } from "./rlimits.ts";

/** Descriptors the stub is started with; every other one above 2 is closed. */
export const STUB_FD = { channel: 100, init: 101 } as const;

const LAST_CAPABILITY = 63;
/** CAP_CHECKPOINT_RESTORE: what is above may or may not exist. */
const LAST_KNOWN_CAPABILITY = 40;
const MAY_FAIL = { ignore: true };
const CAPABILITY_VERSION_3 = 0x20080522;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const SECCOMP_SET_MODE_FILTER = 1;
const BPF_INSTRUCTION_SIZE = 8;
const OPEN_HOW_SIZE = 24;
const RLIMIT_NOFILE = 7;
const DEFAULT_NOFILE = 1024;

/** Who a process of a container becomes. */
export interface Identity {
  process: SpecProcess;
  filter?: SeccompFilter;
  /** False where the kernel refuses setgroups(2): in a namespace with a single id. */
  setGroups: boolean;
  /** Hard limit of open files as tsbox has it. */
  hardNofile: number;
}

/** What the stub does. */
export interface StubInput extends Identity {
  /** A reaping init waits at STUB_FD.init, to be executed in place of the command. */
  init: boolean;
  /** The part that is made from {@link confinement} and the filter, where it is known already. */
  confined?: ProgramPart | undefined;
}

/** A program that ends in executing the command, and which of its ops do. */
export interface LastSteps {
  program: Program;
  firstExec: number;
  candidates: readonly string[];
}

/** The stub's program. */
export interface Stub extends LastSteps {
  /** A copy of the part that is made from {@link confinement} and the filter. */
  confined(): ProgramPart;
}

/** What a process is held to, whoever it is and whatever it executes. */
export interface Confinement {
  cwd: string;
  rlimits: SpecProcess["rlimits"];
  noNewPrivileges: boolean;
  oomScoreAdj: number | undefined;
  umask: number | undefined;
  /** Capabilities that can ever be had. */
  bounding: readonly string[];
  hardNofile: number;
}

/** That of a process of the spec. */
export function confinement(process: SpecProcess, hardNofile: number): Confinement {
  const { cwd, rlimits, noNewPrivileges, oomScoreAdj, user, capabilities } = process;
  const { bounding } = capabilities;
  return { cwd, rlimits, noNewPrivileges, oomScoreAdj, umask: user.umask, bounding, hardNofile };
}

/**
 * Builds the stub's program.
 * @throws TsboxError "invalid-argument" for an unknown capability or limit
 */
export function stubProgram(input: StubInput): Stub {
  const program = new Program(Arena.image(IMAGE_BASE));
  const { process: target, init, filter, hardNofile } = input;
  opStdioOwner(program, target);
  const from = program.position();
  if (input.confined !== undefined) program.append(input.confined);
  else {
    const confined = confinement(target, hardNofile);
    opDescriptors(program, init);
    opOomScore(program, confined);
    opConfine(program, confined, filter);
  }
  const to = program.position();
  opIdentity(program, input);
  // Changing ids takes the death signal back, so it comes after.
  program.op("die with the parent", "prctl", [PR.SET_PDEATHSIG, SIGKILL]);
  if (!init) opDefaultSignals(program);
  opNoNewPrivileges(program, input);
  const firstExec = program.ops.length;
  const candidates = init ? opExecuteInit(program, target) : opExecute(program, target);
  opReport(program);
  return { program, firstExec, candidates, confined: () => program.part(from, to) };
}

/** The directory we are started in may be the container's; descriptors of ours may be anything: close them. */
function opDescriptors(program: Program, init: boolean): void {
  const { channel, init: initFd } = STUB_FD;
  program.op("close descriptors", "close_range", [3, channel - 1, 0]);
  program.op("close descriptors", "close_range", [init ? initFd + 1 : channel + 1, 0xffffffff, 0]);
  if (init) return;
  program.op("keep the channel to ourselves", "fcntl", [channel, F_SETFD, FD_CLOEXEC]);
}

/**
 * Here and not before: it is a property of the memory, which the processes before this one share with us.
 */
export function opOomScore(
  program: Program,
  { oomScoreAdj: score }: { oomScoreAdj?: number | undefined },
): void {
  if (score === undefined) return;
  const { arena } = program;
  const file = program.register();
  const text = String(score);
  const path = arena.text("/proc/self/oom_score_adj");
  const what = `set the score for running out of memory to ${text}`;
  program.op(what, "openat", [AT_FDCWD, path, O.WRONLY | O.CLOEXEC, 0], { into: file });
  program.op(what, "write", [file, arena.text(text), text.length]);
  program.op("close a file", "close", [file]);
}

/** From root of the user namespace to the given process; {@link opNoNewPrivileges} is still to come. */
export function opBecome(program: Program, input: Identity): void {
  const { process: target, filter, hardNofile } = input;
  opStdioOwner(program, target);
  opConfine(program, confinement(target, hardNofile), filter);
  opIdentity(program, input);
}

function opConfine(
  program: Program,
  confined: Confinement,
  filter: SeccompFilter | undefined,
): void {
  opLimits(program, confined);
  opWorkingDirectory(program, confined.cwd);
  opBoundingSet(program, confined.bounding);
  // Without no_new_privs only CAP_SYS_ADMIN may load a filter, and that is about to go.
  if (filter !== undefined && !confined.noNewPrivileges) opFilter(program, filter);
}

/** Where it is asked for; the filter, which needs no privilege then, comes last. */
export function opNoNewPrivileges(program: Program, { process, filter }: Identity): void {
  if (!process.noNewPrivileges) return;
  program.op("set no_new_privs", "prctl", [PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
  if (filter !== undefined) opFilter(program, filter);
}

function opLimits(program: Program, { rlimits, umask, hardNofile }: Confinement): void {
  const { arena } = program;
  // Bun raised the soft limit of open files for itself; programs that use select(2) rely on the usual one.
  const soft = Math.min(DEFAULT_NOFILE, hardNofile);
  const usual = arena.words([soft, hardNofile]);
  program.op("reset the limit of open files", "prlimit64", [0, RLIMIT_NOFILE, usual, 0]);
  for (const { type, soft, hard } of rlimits) {
    const values = arena.words([soft, hard]);
    const name = type.replace("RLIMIT_", "").toLowerCase();
    const what = `${SET_LIMIT} ${name}=${soft}:${hard}`;
    program.op(what, "prlimit64", [0, rlimitNumber(type), values, 0]);
  }
  program.op("set the file mode mask", "umask", [umask ?? 0o22]);
}

/** What the step is called that fails when a hard limit is above the caller's own. */
export const SET_LIMIT = "set the limit";

/** What the step is called that fails when it is not there. */
export const OPEN_WORKING_DIRECTORY = "open the working directory";

/** Opened without magic links: /proc/self/fd/N as working directory must not lead to the host (CVE-2024-21626). */
function opWorkingDirectory(program: Program, cwd: string): void {
  const { arena } = program;
  const directory = program.register();
  const flags = O.PATH | O.DIRECTORY | O.CLOEXEC;
  const how = arena.words([flags, 0, RESOLVE.NO_MAGICLINKS]);
  const args = [AT_FDCWD, arena.text(cwd), how, OPEN_HOW_SIZE];
  program.op(`${OPEN_WORKING_DIRECTORY} "${cwd}"`, "openat2", args, { into: directory });
  program.op(`enter the working directory "${cwd}"`, "fchdir", [directory]);
  program.op("close a directory", "close", [directory]);
}

/** Programs of another user reopen their output as /dev/stdout, which takes rights on the terminal or pipe. */
function opStdioOwner(program: Program, { user: { uid } }: SpecProcess): void {
  if (uid === 0) return;
  for (const fd of [0, 1, 2]) {
    program.op("give standard descriptors", "fchown", [fd, uid, -1], { ignore: true });
  }
}

function opBoundingSet(program: Program, names: readonly string[]): void {
  const bits = capabilityBits(names);
  for (let cap = 0; cap <= LAST_CAPABILITY; cap++) {
    const kept = ((cap < 32 ? bits[0] >>> cap : bits[1] >>> (cap - 32)) & 1) === 1;
    // The kernel does not know all of them; the drop of one it knows cannot fail.
    if (kept) continue;
    const options = cap > LAST_KNOWN_CAPABILITY ? MAY_FAIL : undefined;
    program.op("drop a capability", "prctl", [PR.CAPBSET_DROP, cap], options);
  }
}

function opIdentity(program: Program, { process, setGroups }: Identity): void {
  const { arena } = program;
  const { uid, gid, additionalGids } = process.user;
  const keep = uid !== 0 && process.capabilities.permitted.length > 0;
  if (keep) program.op("keep capabilities", "prctl", [PR.SET_KEEPCAPS, 1]);
  if (setGroups) {
    const groups = [gid];
    for (const group of additionalGids) if (!groups.includes(group)) groups.push(group);
    const args = [groups.length, arena.halves(groups)];
    program.op("set supplementary groups", "setgroups", args);
  }
  program.op(`become group ${gid}`, "setresgid", [gid, gid, gid]);
  program.op(`become user ${uid}`, "setresuid", [uid, uid, uid]);
  if (keep) program.op("keep capabilities no longer", "prctl", [PR.SET_KEEPCAPS, 0]);
  opCapabilities(program, process);
}

function opCapabilities(program: Program, { capabilities }: SpecProcess): void {
  const { arena } = program;
  const effective = capabilityBits(capabilities.effective);
  const permitted = capabilityBits(capabilities.permitted);
  const inheritable = capabilityBits(capabilities.inheritable);
  const header = arena.words([CAPABILITY_VERSION_3]);
  // deno-fmt-ignore
  const data = arena.halves([
    effective[0], permitted[0], inheritable[0],
    effective[1], permitted[1], inheritable[1],
  ]);
  program.op("set capabilities", "capset", [header, data]);
  const clear = [PR.CAP_AMBIENT, PR.CAP_AMBIENT_CLEAR_ALL, 0, 0, 0];
  program.op("clear ambient capabilities", "prctl", clear);
}

function opFilter(program: Program, { program: bpf, flags }: SeccompFilter): void {
  const { arena } = program;
  const header = arena.words([bpf.length / BPF_INSTRUCTION_SIZE, arena.put(bpf)]);
  program.op("load the seccomp filter", "seccomp", [SECCOMP_SET_MODE_FILTER, flags, header]);
}

/** Executes the command, the first of its candidates that can be; returns these. */
export function opExecute(program: Program, target: SpecProcess): readonly string[] {
  const { arena } = program;
  const candidates = execCandidates(target.args[0] ?? "", target.env);
  const args = arena.vector(target.args);
  const env = arena.vector(target.env);
  let left = candidates.length;
  for (const path of candidates) {
    const ignore = --left > 0;
    program.op(`execute ${path}`, "execve", [arena.text(path), args, env], { ignore });
  }
  return candidates;
}

function opExecuteInit(program: Program, target: SpecProcess): readonly string[] {
  const { arena } = program;
  const args = arena.vector(["/sbin/docker-init", "--", ...target.args]);
  const env = arena.vector(target.env);
  const call = [STUB_FD.init, arena.text(""), args, env, AT_EMPTY_PATH];
  program.op("execute the init", "execveat", call);
  return [];
}

/** Tells the parent which op failed, then the results of all ops: of the candidates the best excuse counts. */
export function opReport(program: Program): void {
  const size = program.ops.length * Program.OP_SIZE;
  program.onFailure();
  program.op("report the failure", "write", [STUB_FD.channel, program.header + 8, 16]);
  const table = { register: program.header };
  program.op("report all results", "write", [STUB_FD.channel, table, size], { ignore: true });
  program.op("exit", "exit_group", [125]);
}
