/**
 * Starting a container: a RuntimeSpec and a root file system become a process.
 *
 * In steps, because who the process is only the image's passwd tells, and because the network's helper
 * needs the namespaces: begin, look at the user files, execute. The child mounts while we do our part.
 */
import { address, pin, raw, sys } from "../ffi/libc.ts";
import { emptyFile, fillAndSeal, sealedFile } from "../ffi/memfd.ts";
import { toElf } from "../ffi/elf.ts";
import { runProgram } from "../ffi/executor.ts";
import { ended, type Ending, errorOf, sendSignal, waitBlocking } from "../ffi/process.ts";
import { receive, socketPair } from "../ffi/socket.ts";

import { PR, SIGKILL } from "../ffi/constants.ts";

import type { UserFiles } from "../container/user.ts";
import type { RuntimeSpec, SpecProcess } from "../oci/runtime_spec.ts";
import { TsboxError } from "../errors.ts";
import { type Guard, startGuard } from "./launch/guard.ts";
import { stubFailure } from "./launch/stub_failure.ts";
import { closeDescriptors, overlayOptions, type Rootfs } from "./launch/rootfs_ops.ts";
import { type FileCopy, MAX_USER_FILE, type Setup, setupProgram } from "./launch/setup_program.ts";
import { type Stub, stubProgram } from "./launch/stub.ts";
import type { TerminalSize } from "./launch/terminal_ops.ts";
import type { SeccompFilter } from "./seccomp/filter.ts";
import type { UserNamespace } from "./user_namespace.ts";

export type { Rootfs } from "./launch/rootfs_ops.ts";

/** What is to be started. */
export interface LaunchRequest {
  /** Complete but for the user: see container/with_user.ts. */
  spec: RuntimeSpec;
  rootfs: Rootfs;
  userns: UserNamespace;
  volumes: readonly string[];
  /** What a bind's source is; follows links. */
  isDirectory(source: string): boolean;
  /** Each is its own number, or a descriptor above 2. Unused with a terminal. */
  stdio: readonly [number, number, number];
  /** Gives the process a terminal of this size. */
  terminal?: TerminalSize;
  /** The reaping init's executable, to be process 1. */
  init?: Uint8Array;
}

/** A container that runs. */
export interface Running {
  pid: number;
  /** Master side of its terminal, close-on-exec. */
  terminal?: number;
  /** How its first process ended; it is waited for then. */
  ended: Promise<Ending>;
}

/** Most that the stub reports: the results of all its ops. */
const MAX_REPORT = 1 << 20;

/** A container whose file system is being set up by its own first process. */
export class Launch {
  readonly #request: LaunchRequest;
  readonly #setup: Setup;
  readonly #maker: number;
  readonly #channel: number;
  readonly #stub: number;
  readonly #opened: number[];
  #guard: Guard | undefined;
  #ready = false;
  #over = false;

  /** Starts the set-up. @throws SyscallError when not even a process can be made */
  constructor(request: LaunchRequest) {
    this.#request = request;
    const { rootfs, init: initElf, ...rest } = request;
    const overlay = rootfs.kind === "overlay" ? overlayOptions(rootfs) : undefined;
    const channel = socketPair();
    this.#channel = channel.ours;
    this.#stub = emptyFile("tsbox-start");
    const init = initElf && sealedFile("tsbox-init", initElf);
    this.#opened = [this.#stub, ...(overlay?.descriptors ?? []), ...(init ? [init] : [])];
    this.#setup = setupProgram({
      ...rest,
      rootfs,
      overlayData: overlay?.data ?? "",
      userns: request.userns.fd,
      channel,
      stub: this.#stub,
      ...(init === undefined ? {} : { init }),
    });
    this.#maker = runProgram(this.#setup.program);
    raw("close", channel.theirs);
    if (this.#maker < 0) throw this.#setupError("start");
  }

  /** Both programs as text, an op a line: what {@link execute} would run is not run. */
  plan(process: SpecProcess, filter: SeccompFilter | undefined): string {
    const stub = stubOf(this.#request, process, filter);
    return [
      "# From tsbox to the container's file systems: two processes, the second becomes the container.",
      this.#setup.program.toString(),
      "",
      "# From an executable of its own: drop privileges, execute the command.",
      stub.program.toString(),
    ].join("\n");
  }

  /**
   * Waits until the root file system is there; returns the image's user files.
   * @throws SyscallError for the step that failed, TsboxError "limit-exceeded" for absurd files
   */
  userFiles(): UserFiles {
    this.#waitReady();
    const { passwd, group } = this.#setup;
    return { passwd: this.#text("passwd", passwd), group: this.#text("group", group) };
  }

  #text(name: string, file: FileCopy): string {
    const { arena } = this.#setup.program;
    const length = Math.max(0, arena.word(file.length.register));
    if (length < MAX_USER_FILE) return new TextDecoder().decode(arena.copy(file.at, length));
    const limit = `${MAX_USER_FILE >> 20} MiB`;
    throw new TsboxError(
      "limit-exceeded",
      `Cannot use /etc/${name} of the image: it is larger than ${limit}`,
    );
  }

  /** Host pid of the container's first process; its namespaces can be entered by others from now on. */
  get pid(): number {
    this.#waitReady();
    return this.#setup.program.arena.word(this.#setup.pid.register);
  }

  /** Lets helpers look at the first process, which the change of its user namespace had forbidden. */
  allowInspection(): void {
    this.#waitReady();
    raw("prctl", PR.SET_DUMPABLE, 1);
  }

  #waitReady(): void {
    if (this.#ready) return;
    const { bytes } = receive(this.#channel, 1);
    waitBlocking(this.#maker);
    if (bytes.length === 0) throw this.#setupFailed();
    this.#ready = true;
  }

  /**
   * Executes the command as the given process, and returns when it runs.
   * @param process of the spec, with its user
   * @throws TsboxError "command-not-found", "cannot-execute", or SyscallError for the step that failed
   */
  execute(process: SpecProcess, filter: SeccompFilter | undefined): Running {
    const { pid } = this;
    const stub = stubOf(this.#request, process, filter);
    fillAndSeal(this.#stub, toElf(stub.program));
    this.#guard = startGuard(pid);
    // When the child is gone this fails, and reading tells why.
    raw("write", this.#channel, pin(new Uint8Array(1)), 1);
    closeDescriptors(this.#opened);
    const terminal = this.#waitExecuted(stub, process);
    this.#over = true;
    raw("close", this.#channel);
    const guard = this.#guard;
    const end = ended(pid).then((ending) => {
      guard.dismiss();
      return ending;
    });
    return { pid, ended: end, ...(terminal === undefined ? {} : { terminal }) };
  }

  /** Reads the channel to its end, which is the command's execve. */
  #waitExecuted(stub: Stub, process: SpecProcess): number | undefined {
    const first = receive(this.#channel, 16);
    const { descriptor: terminal } = first;
    const report = terminal === undefined ? first.bytes : receive(this.#channel, 16).bytes;
    if (report.length === 16) {
      const results = receive(this.#channel, MAX_REPORT).bytes;
      this.#reap();
      throw stubFailure(stub, process, report, results);
    }
    if (this.#setup.program.failure() !== undefined) throw this.#setupFailed();
    return terminal;
  }

  #setupFailed(): Error {
    this.#reap();
    return this.#setupError("container set-up");
  }

  #setupError(stage: string): Error {
    const failure = this.#setup.program.failure();
    if (failure !== undefined) return errorOf(failure, stage);
    return new TsboxError("host", "Cannot start the container: its first process was killed", {
      hint: "the system may be out of memory",
    });
  }

  /** Waits for the first process, which is ending, and closes what is ours. */
  #reap(): void {
    if (this.#over) return;
    this.#over = true;
    const pid = this.#setup.program.arena.word(this.#setup.pid.register);
    if (pid > 0) waitBlocking(pid);
    this.#guard?.dismiss();
    closeDescriptors([this.#channel, ...(this.#guard ? [] : this.#opened)]);
  }

  /** Gives up: kills the first process and waits for it. Does nothing when a step has failed already. */
  abort(): void {
    if (this.#over) return;
    sendSignal(this.pid, SIGKILL);
    this.#reap();
  }
}

function stubOf(
  request: LaunchRequest,
  process: SpecProcess,
  filter: SeccompFilter | undefined,
): Stub {
  return stubProgram({
    process,
    ...(filter === undefined ? {} : { filter }),
    init: request.init !== undefined,
    setGroups: request.userns.map.kind === "full",
    hardNofile: hardLimitOfFiles(),
  });
}

function hardLimitOfFiles(): number {
  const limits = new BigUint64Array(2);
  sys("read the limit of open files", "prlimit64", 0, 7, 0, address(limits));
  return Number(BigInt.asIntN(64, limits[1] ?? 0n));
}
