/** Starts our own executable as a process that belongs to nobody: no terminal, no session of the caller's. */
import { Arena } from "../ffi/arena.ts";
import { CLONE, O } from "../ffi/constants.ts";
import { runProgram } from "../ffi/executor.ts";
import { errorOf, opClone, opDefaultSignals, opPlace, waitBlocking } from "../ffi/process.ts";
import { Program } from "../ffi/program.ts";
import { closeFile, openFile } from "../ffi/quick_files.ts";
import type { SelfCommand } from "./worker.ts";

/**
 * A process that waits for days shall neither wake up nor be large: Bun looks at its heap every second, else, and
 * helpers of the collector and optimized code cost a fifth of its memory (5.3 MB written, 4.2 with these). To compile
 * an expression takes longer than to interpret it, for who uses each once.
 */
export const QUIET = {
  BUN_GC_TIMER_DISABLE: "1",
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_numberOfGCMarkers: "1",
  BUN_JSC_forceMiniVMMode: "1",
  BUN_JSC_useRegExpJIT: "0",
};

/**
 * Starts the executable in another role, in a session of its own, with nothing on its standard descriptors and the
 * given ones from 3 on. It does not end with us.
 * @returns its pid
 * @throws SyscallError
 */
export function startDetached(
  self: SelfCommand,
  role: string,
  env: Readonly<Record<string, string | undefined>>,
  descriptors: readonly number[],
): number {
  const nothing = openFile("/dev/null", O.RDWR);
  const program = new Program(Arena.live());
  const { arena } = program;
  opClone(program, CLONE.VFORK);
  program.op("leave the terminal", "setsid");
  program.op("leave the directory", "chdir", [arena.text("/")]);
  opPlace(program, [nothing, nothing, nothing, ...descriptors].map((fd, place) => [fd, place]));
  program.op("close descriptors", "close_range", [3 + descriptors.length, 0xffffffff, 0]);
  opDefaultSignals(program);
  // What a worker's arguments end with is its role.
  const args = ["tsbox", ...self.args.slice(0, -1), role];
  const words = Object.entries({ ...env, ...QUIET }).map(([name, value]) => `${name}=${value}`);
  program.op(`execute ${self.path}`, "execve", [
    arena.text(self.path),
    arena.vector(args),
    arena.vector(words),
  ]);
  const pid = runProgram(program);
  closeFile(nothing);
  const failure = program.failure();
  if (failure === undefined) return pid;
  if (pid > 0) waitBlocking(pid);
  throw errorOf(failure, "monitor");
}
