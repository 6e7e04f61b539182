/**
 * Starting a container: a RuntimeSpec and a root file system become a process.
 *
 * In steps, because who the process is only the image's passwd tells, and because the network's helper
 * needs the namespaces: begin, look at the user files, execute. The child mounts while we do our part.
 */
import { pin, raw, view } from "../ffi/libc.ts";
import { emptyFile, fillAndSeal, sealedFile } from "../ffi/memfd.ts";
import { toElf } from "../ffi/elf.ts";
import { runProgram } from "../ffi/executor.ts";
import { ended, type Ending, errorOf, sendSignal, waitBlocking } from "../ffi/process.ts";
import { keepApart, type KeptApart } from "../ffi/processors.ts";
import { type Message, receive, socketPair } from "../ffi/socket.ts";
import { PR, SIGKILL } from "../ffi/constants.ts";
import type { UserFiles } from "../container/user.ts";
import type { NamespaceType, RuntimeSpec, SpecProcess } from "../oci/runtime_spec.ts";
import { TsboxError } from "../errors.ts";
import { type Guard, type LastStep, startGuard } from "./launch/guard.ts";
import { stubFailure } from "./launch/stub_failure.ts";
import type { Rootfs } from "./launch/rootfs_ops.ts";
import {
  findKept,
  type Keeping,
  keepLaunch,
  type KeptLaunch,
  questionOf,
} from "./launch/kept_programs.ts";
import {
  beginProgram,
  boundDirectories,
  type FileCopy,
  PLACE,
  rootOps,
  type SetupInput,
  setupOps,
  type UserFileCopies,
} from "./launch/setup_program.ts";
import type { Position, Program, ProgramPart, Register } from "../ffi/program.ts";
import { confinement, type Stub, stubProgram } from "./launch/stub.ts";
import type { TerminalSize } from "./launch/terminal_ops.ts";
import { MAX_USER_FILE, tooLargeUserFile } from "./launch/user_files.ts";
import { hardLimitOfFiles } from "./launch/rlimits.ts";
import { hasKeys } from "./launch/namespace_ops.ts";
import { launchNotes } from "../container/annotations.ts";
import type { SeccompFilter } from "./seccomp/filter.ts";
import type { UserNamespace } from "./user_namespace.ts";

export type { Keeping } from "./launch/kept_programs.ts";
export type { Rootfs } from "./launch/rootfs_ops.ts";

/** What can be started as soon as the options are known. */
export interface LaunchBeginning {
  userns: UserNamespace;
  /** Those to make; a type that is missing is shared with the caller. The user's is joined. */
  namespaces: readonly NamespaceType[];
  /** The reaping init's executable, to be process 1. */
  init?: Uint8Array | undefined;
  /** Descriptor of the directory of the control group it is to be in; default: ours. */
  cgroup?: number | undefined;
  /** We shall live long: what stays beside the container must not cost memory. */
  lasting?: boolean;
}

/** What is to be in it. */
export interface LaunchSetup {
  /** Complete but for the user: see container/with_user.ts. */
  spec: RuntimeSpec;
  rootfs: Rootfs;
  /** What a bind's source is; follows links. */
  isDirectory(source: string): boolean;
  /** Each is its own number, or a descriptor above 2 that was open at the beginning. Unused with a terminal. */
  stdio: readonly [number, number, number];
  /** Gives the process a terminal of this size. */
  terminal?: TerminalSize | undefined;
  /** Only for {@link Launch.plan}: what follows the root file system is written but not run. */
  planOnly?: boolean;
  /** Where programs of earlier launches are. */
  keeping?: Keeping | undefined;
}

/** What a launch is made like, to be found again. */
interface Likeness {
  keeping: Keeping;
  question: string;
  /** The answer, where it was known. */
  kept: KeptLaunch | undefined;
  /** The filter is loaded last, by each launch itself. */
  filtersLate: boolean;
}

/** A container that runs. */
export interface Running {
  pid: number;
  /** Master side of its terminal, close-on-exec. */
  terminal?: number;
  /** How its first process ended; it is waited for then, by the event loop from the first time this is asked for. */
  readonly ended: Promise<Ending>;
  /** Blocks until its first process has ended. */
  reap(): void;
  /** Sends its first process a signal; does nothing once it has ended, when its number may be another's. */
  signal(number: number): void;
}

function running(pid: number, terminal: number | undefined): Running {
  let alive = true;
  let end: Promise<Ending> | undefined;
  const over = (ending: Ending) => {
    alive = false;
    return ending;
  };
  return {
    pid,
    ...(terminal === undefined ? {} : { terminal }),
    get ended() {
      return end ??= ended(pid).then(over);
    },
    reap() {
      if (alive) end = Promise.resolve(over(waitBlocking(pid)));
    },
    signal: (number) => void (alive && sendSignal(pid, number)),
  };
}

/** Most that the stub reports: the results of all its ops. */
const MAX_REPORT = 1 << 20;
/** How often we look whether it executes the command: for about a millisecond. */
const LOOKS = 1000;

/**
 * A container on its way: first only namespaces, which the kernel makes while we find out what is to be in
 * them; then its own first process sets up its file system.
 */
export class Launch {
  readonly #beginning: LaunchBeginning;
  readonly #program: Program;
  readonly #pid: Register;
  readonly #maker: number;
  readonly #channel: { ours: number; theirs: number };
  readonly #stub: number;
  readonly #init: number | undefined;
  /** Both of them. */
  readonly #executables: number[];
  readonly #hardNofile = hardLimitOfFiles();
  #likeness: Likeness | undefined;
  /** What was written that may be worth keeping. */
  readonly #written: ProgramPart[] = [];
  #lastSteps: Stub | undefined;
  #files: UserFileCopies | undefined;
  #guard: Guard | undefined;
  #made = false;
  #apart: KeptApart | undefined;
  #ready = false;
  #over = false;

  /** Starts a process that makes the namespaces. @throws SyscallError when not even that is possible */
  constructor(beginning: LaunchBeginning) {
    const { userns, namespaces, init, cgroup } = beginning;
    this.#beginning = beginning;
    this.#channel = socketPair();
    this.#stub = emptyFile("tsbox-start");
    this.#init = init && sealedFile("tsbox-init", init);
    this.#executables = this.#init === undefined ? [this.#stub] : [this.#stub, this.#init];
    const { program, pid } = beginProgram({
      userns: userns.fd,
      namespaces,
      channel: this.#channel,
      cgroup,
    });
    this.#program = program;
    this.#pid = pid;
    this.#maker = runProgram(program);
    raw("close", this.#channel.theirs);
    if (this.#maker < 0) throw this.#error("start");
  }

  /** Lets the first process set up its file system. @throws TsboxError "limit-exceeded" for an absurd number of mounts */
  setUp(setup: LaunchSetup): void {
    const { spec, rootfs, stdio, terminal, planOnly = false } = setup;
    const { process } = spec;
    const { seccomp, subpaths } = launchNotes(spec);
    const input = {
      spec: { ...spec, process: { cwd: process.cwd } },
      rootfs,
      directories: boundDirectories(spec.mounts, subpaths, setup.isDirectory),
      stdio,
      terminal,
      ownKeyring: seccomp !== "default" && hasKeys(),
      channel: this.#channel.theirs,
      stub: this.#stub,
      init: this.#init,
    };
    const likeness = planOnly ? undefined : this.#findLikeness(setup, input);
    if (likeness?.kept === undefined) this.#write(input, planOnly);
    else this.#repeat(likeness.kept);
    if (!planOnly) this.#startGuard();
  }

  #findLikeness({ keeping, spec }: LaunchSetup, input: SetupInput): Likeness | undefined {
    const { arena } = this.#program;
    // Elsewhere nothing fits that others have kept, or will.
    if (keeping === undefined || arena.base !== PLACE) return undefined;
    const confined = confinement(spec.process, this.#hardNofile);
    const question = questionOf(keeping, [this.#program.position(), input, confined]);
    const kept = findKept(keeping, question);
    return this.#likeness = { keeping, question, kept, filtersLate: confined.noNewPrivileges };
  }

  /** As an earlier launch did: the first process need not wait between the two parts. */
  #repeat({ parts: [root, rest], files }: KeptLaunch): void {
    if (root === undefined || rest === undefined) return;
    this.#program.append(root);
    this.#program.append(rest);
    this.#files = files;
    this.#goOn(2);
  }

  #write(input: SetupInput, planOnly: boolean): void {
    const program = this.#program;
    const beginning = program.position();
    const root = rootOps(program, input);
    this.#files = root;
    this.#note(beginning);
    const middle = program.position();
    this.#goOn(1);
    setupOps(program, input, root);
    if (planOnly) return;
    this.#note(middle);
    this.#goOn(1);
  }

  /** Before it runs: then results are written into it. */
  #note(from: Position): void {
    if (this.#likeness !== undefined) this.#written.push(this.#program.part(from));
  }

  /** Lets the first process run what was appended. @param words one for each time that it waits */
  #goOn(words: number): void {
    this.#program.extend();
    this.#spread();
    this.#say(words);
  }

  /** The first process may be waiting behind us, on our processor; it begins before it can be woken elsewhere. */
  #spread(): void {
    if (this.pid > 0) this.#apart ??= keepApart(this.pid);
  }

  /** The word that the root is there. */
  #receiveReady(): Message {
    const action = () => receive(this.#channel.ours, 1);
    return this.#apart === undefined ? action() : this.#apart.waitFor(action);
  }

  /** Words to the first process. When that is gone this fails, and waiting for its answer tells why. */
  #say(words: number): void {
    const word = pin(new Uint8Array(1));
    for (let i = 0; i < words; i++) raw("write", this.#channel.ours, word, 1);
  }

  /** Both programs as text, an op a line: what {@link execute} would run is not run. */
  plan(process: SpecProcess, filter: SeccompFilter | undefined): string {
    return [
      "# From tsbox to the container's file systems: two processes, the second becomes the container.",
      this.#program.toString(),
      "",
      "# From an executable of its own: drop privileges, execute the command.",
      this.#stubFor(process, filter).program.toString(),
    ].join("\n");
  }

  /**
   * Waits until the root file system is there; returns the image's user files.
   * @throws SyscallError for the step that failed, TsboxError "limit-exceeded" for absurd files
   */
  userFiles(): UserFiles {
    if (this.#files === undefined) {
      throw new TsboxError("invalid-state", "The launch has no set-up");
    }
    this.#waitReady();
    const { passwd, group } = this.#files;
    return { passwd: this.#text("passwd", passwd), group: this.#text("group", group) };
  }

  #text(name: string, file: FileCopy): string {
    const { arena } = this.#program;
    const length = arena.word(file.length.register);
    if (length <= 0) return "";
    if (length < MAX_USER_FILE) return new TextDecoder().decode(view(file.at, length));
    throw tooLargeUserFile(name);
  }

  /**
   * Host pid of the container's first process; its namespaces can be entered by others from now on.
   * @throws SyscallError when they could not be made
   */
  get pid(): number {
    if (!this.#made) {
      this.#made = true;
      waitBlocking(this.#maker);
    }
    const pid = this.#program.arena.word(this.#pid.register);
    if (pid <= 0) throw this.#failed();
    return pid;
  }

  /** Lets helpers look at the first process, which the change of its user namespace had forbidden. */
  allowInspection(): void {
    if (this.pid > 0) raw("prctl", PR.SET_DUMPABLE, 1);
  }

  #waitReady(): void {
    if (this.#ready) return;
    if (this.pid > 0 && this.#receiveReady().bytes.length === 0) throw this.#failed();
    this.#ready = true;
  }

  /** Whether the filter is in what an earlier launch did; then {@link execute} needs none. */
  get hasFilter(): boolean {
    return this.#likeness?.kept !== undefined && !this.#likeness.filtersLate;
  }

  /**
   * Lets the first process execute the command as the given process, which takes it a millisecond.
   * @param process of the spec, with its user
   * @returns what waits until the command runs
   * @throws TsboxError "command-not-found", "cannot-execute", or SyscallError for the step that failed
   */
  execute(process: SpecProcess, filter: SeccompFilter | undefined): () => Running {
    this.#waitReady();
    const { pid } = this;
    const stub = this.#lastSteps = this.#stubFor(process, filter);
    fillAndSeal(this.#stub, toElf(stub.program));
    this.#startGuard();
    this.#settleGuard();
    this.#apart?.letGo();
    this.#say(1);
    // The first process has its own; what it executes is not in our way then.
    this.#closeFiles();
    return () => {
      const terminal = this.#waitExecuted(stub, process);
      this.#over = true;
      this.#close();
      return running(pid, terminal);
    };
  }

  /** Keeps what was written for launches like this one. Once, and when the command runs: it was right then. */
  keep(): void {
    const { keeping, question, kept } = this.#likeness ?? {};
    const files = this.#files;
    const steps = this.#lastSteps;
    const parts = this.#written.splice(0);
    // Whoever lives long needs none of it any more.
    this.#likeness = this.#lastSteps = undefined;
    if (keeping === undefined || question === undefined || kept !== undefined) return;
    if (files === undefined || steps === undefined) return;
    const { passwd, group } = files;
    keepLaunch(keeping, question, {
      parts: [...parts, steps.confined()],
      files: { passwd, group },
    });
  }

  /**
   * While the child mounts, and before it may execute: on a busy machine the command can have changed its user,
   * which takes back the death signal it asked for, before we get to run again.
   */
  #startGuard(): Guard {
    try {
      return this.#guard ??= startGuard(this.pid, this.#beginning.lasting);
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** It was begun a millisecond or two ago, and has its own memory by now. */
  #settleGuard(): void {
    try {
      this.#guard?.settle();
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  #stubFor(process: SpecProcess, filter: SeccompFilter | undefined): Stub {
    return stubProgram({
      process,
      ...(filter === undefined ? {} : { filter }),
      init: this.#init !== undefined,
      confined: this.#likeness?.kept?.parts[2],
      setGroups: this.#beginning.userns.map.kind === "full",
      hardNofile: this.#hardNofile,
    });
  }

  /** Reads the channel to its end, which is the command's execve. */
  #waitExecuted(stub: Stub, process: SpecProcess): number | undefined {
    const channel = this.#channel.ours;
    const first = receive(channel, 16, LOOKS);
    const { descriptor: terminal } = first;
    const report = terminal === undefined ? first.bytes : receive(channel, 16).bytes;
    if (report.length === 16) {
      const results = receive(channel, MAX_REPORT).bytes;
      this.#reap();
      throw stubFailure(stub, process, report, results);
    }
    if (this.#program.failure() !== undefined) throw this.#failed();
    return terminal;
  }

  #failed(): Error {
    this.#reap();
    return this.#error("container set-up");
  }

  #error(stage: string): Error {
    const failure = this.#program.failure();
    if (failure !== undefined) return errorOf(failure, stage);
    return new TsboxError("host", "Cannot start the container: its first process was killed", {
      hint: "the system may be out of memory",
    });
  }

  /** Waits for the first process, which is ending, and closes what is ours. */
  #reap(): void {
    if (this.#over) return;
    this.#over = true;
    const pid = this.#program.arena.word(this.#pid.register);
    if (pid > 0) waitBlocking(pid);
    this.#guard?.dismiss();
    this.#guard?.reap();
    this.#close();
  }

  #close(): void {
    raw("close", this.#channel.ours);
    this.#closeFiles();
  }

  /** Those that the first process executes. Once: a second close could hit somebody else's descriptor. */
  #closeFiles(): void {
    for (const fd of this.#executables.splice(0)) raw("close", fd);
  }

  /** What {@link leave} has done. For a container that is being executed. */
  prepareLeave(steps: readonly LastStep[]): void {
    this.#guard?.prepare(steps);
  }

  /**
   * Has the steps that were prepared done by a process that outlives us, when the container has ended. False when
   * they are still ours to do.
   */
  leave(): boolean {
    return this.#guard?.leave() ?? false;
  }

  /**
   * Gives up: kills the first process and waits for it. When a step has failed, or the container has run
   * and ended, there is nothing left to do but to wait for a helper.
   */
  abort(): void {
    if (this.#over) {
      this.#guard?.dismiss();
      this.#guard?.reap();
      // Who lives long launches again and again.
      if (this.#beginning.lasting) this.#program.arena.discard();
      return;
    }
    try {
      sendSignal(this.pid, SIGKILL);
    } catch {
      return; // There is no process, and what failed was told to whoever asked first.
    }
    this.#reap();
  }
}
