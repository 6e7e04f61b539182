/** Running a network program beside a container: it dies with us, and tells when it is ready. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Arena } from "../ffi/arena.ts";
import { CLONE, PR, SIGKILL } from "../ffi/constants.ts";
import { runProgram } from "../ffi/executor.ts";
import { emptyFile } from "../ffi/memfd.ts";
import {
  ended,
  errorOf,
  opClone,
  opDefaultSignals,
  opStdio,
  pipe,
  sendSignal,
  waitBlocking,
} from "../ffi/process.ts";
import { Program } from "../ffi/program.ts";
import { waitReadable } from "../ffi/readiness.ts";

/** How the program tells that it is ready: by writing to one of its standard descriptors. */
export interface HelperCommand {
  path: string;
  args: readonly string[];
  /** 0 or 1; the other one is /dev/null. */
  readyOn: 0 | 1;
}

/** Milliseconds after which a program that says nothing is given up; it takes some tens. */
const PATIENCE = 20_000;

/** A network program that was started. */
export class Helper {
  readonly #pid: number;
  readonly #ready: number;
  readonly #messages: number;
  #running = true;

  /** Starts the program; it inherits no descriptor of ours but its own three. @throws SyscallError */
  constructor(command: HelperCommand) {
    const nothing = openSync("/dev/null", "r+");
    const ready = pipe();
    // A file in memory, because nobody reads what is said later, and a full pipe would stop the program.
    this.#messages = emptyFile("tsbox-network");
    this.#ready = ready.read;
    try {
      const [input, output] = command.readyOn === 0
        ? [ready.write, nothing]
        : [nothing, ready.write];
      this.#pid = execute(command, [input, output, this.#messages]);
    } catch (error) {
      closeSync(this.#ready);
      closeSync(this.#messages);
      throw error;
    } finally {
      closeSync(nothing);
      closeSync(ready.write);
    }
  }

  /** Waits, blocking, until the program is ready; false when it ended instead, or takes forever. */
  ready(): boolean {
    const end = performance.now() + PATIENCE;
    while (performance.now() < end) {
      if (!waitReadable(this.#ready, 1000)) continue;
      return readSync(this.#ready, Buffer.alloc(64)) > 0;
    }
    return false;
  }

  /** Bytes of what the program has said on standard error so far. */
  size(): number {
    return fstatSync(this.#messages).size;
  }

  /** What the program has said on standard error so far. */
  messages(): string {
    const text = Buffer.alloc(Math.min(this.size(), 4096));
    const length = readSync(this.#messages, text, 0, text.length, 0);
    return text.toString("utf8", 0, length);
  }

  /**
   * Ends the program; a second call does nothing.
   * @param wait until it is gone, and its ports are free: some tens of milliseconds, in which the kernel
   * takes its network device apart. Else that is waited for behind the caller's back.
   */
  stop({ wait }: { wait: boolean }): void {
    if (!this.#running) return;
    this.#running = false;
    sendSignal(this.#pid, SIGKILL);
    if (wait) waitBlocking(this.#pid);
    // A monitor starts one for every life of its container: no zombies of all of them.
    else void ended(this.#pid);
    closeSync(this.#ready);
    closeSync(this.#messages);
  }
}

function execute(command: HelperCommand, stdio: readonly number[]): number {
  const program = new Program(Arena.live());
  const { arena } = program;
  opClone(program, CLONE.VFORK);
  opStdio(program, stdio);
  // Not lost when it enters the user namespace, which is ours: only a gain of privilege takes it away.
  program.op("die with the parent", "prctl", [PR.SET_PDEATHSIG, SIGKILL]);
  opDefaultSignals(program);
  const argv = arena.vector(command.args);
  program.op(`execute ${command.path}`, "execve", [
    arena.text(command.path),
    argv,
    arena.vector([]),
  ]);
  const pid = runProgram(program);
  const failure = program.failure();
  if (failure === undefined) return pid;
  if (pid > 0) waitBlocking(pid);
  throw errorOf(failure, "network");
}
