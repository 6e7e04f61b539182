/**
 * A process that kills the container when we are gone, however we went.
 *
 * The death signal a process asks for itself (PR_SET_PDEATHSIG) is lost as soon as it changes its user, which
 * the entry points of many images do. The guard shares our memory, runs no code of ours but a few system
 * calls, and waits for the end of a pipe that only we can write to.
 */
import { Arena } from "../../ffi/arena.ts";
import { AT_EMPTY_PATH, CLONE, PR, SIGKILL } from "../../ffi/constants.ts";
import { IMAGE_BASE, toElf } from "../../ffi/elf.ts";
import { runProgram } from "../../ffi/executor.ts";
import { raw, sys } from "../../ffi/libc.ts";
import { sealedFile } from "../../ffi/memfd.ts";
import { errorOf, opClone, pipe, sendSignal, waitBlocking } from "../../ffi/process.ts";
import { Program } from "../../ffi/program.ts";

/** A guard at work. */
export interface Guard {
  /** Tells the guard to end, when what it guards has ended and was waited for. */
  dismiss(): void;
  /** Waits until it has, so that nobody else has to; does nothing before {@link dismiss} or again. */
  reap(): void;
}

/** Descriptors of the guard, above any that it is started with in practice. */
const FD = { life: 1000, target: 1001 } as const;

/**
 * Guards a child of ours that was not waited for yet.
 * @param lasting the guard gets memory of its own, a few pages, in place of sharing all of ours: for those who
 *   live long, since it takes half a millisecond more
 * @throws SyscallError
 */
export function startGuard(target: number, lasting = false): Guard {
  const life = pipe();
  const handle = sys(`open process ${target}`, "pidfd_open", target, 0);
  const elf = lasting ? sealedFile("tsbox-guard", guardElf()) : undefined;
  const program = new Program(Arena.live());
  opClone(program, lasting ? CLONE.VFORK : 0);
  program.op("keep the pipe", "dup3", [life.read, FD.life, 0]);
  program.op("keep the target", "dup3", [handle, FD.target, 0]);
  if (elf === undefined) opGuard(program, FD.target + 1);
  else opExecute(program, elf);
  const pid = runProgram(program);
  raw("close", life.read);
  raw("close", handle);
  if (elf !== undefined) raw("close", elf);
  const failure = program.failure();
  if (failure !== undefined) {
    raw("close", life.write);
    if (pid > 0) waitBlocking(pid);
    throw errorOf(failure, "guard");
  }
  let state: "watching" | "ending" | "gone" = "watching";
  return {
    dismiss() {
      if (state !== "watching") return;
      state = "ending";
      sendSignal(pid, SIGKILL);
      raw("close", life.write);
    },
    reap() {
      if (state !== "ending") return;
      state = "gone";
      waitBlocking(pid);
    },
  };
}

/** Appends what a guard does. @param firstUnused descriptors from here on are none of its business */
function opGuard(program: Program, firstUnused: number): void {
  const { arena } = program;
  program.op("name the process", "prctl", [PR.SET_NAME, arena.text("tsbox-guard")]);
  // Also 0, 1 and 2: whoever reads the container's output waits for the last one to close it.
  program.op("close descriptors", "close_range", [0, FD.life - 1, 0]);
  program.op("close descriptors", "close_range", [firstUnused, 0xffffffff, 0]);
  program.op("wait", "read", [FD.life, arena.reserve(8), 1], { ignore: true });
  const kill = [FD.target, SIGKILL, 0, 0];
  program.op("kill the container", "pidfd_send_signal", kill, { ignore: true });
  program.op("exit", "exit_group", [0]);
}

function opExecute(program: Program, elf: number): void {
  const { arena } = program;
  const args = [
    elf,
    arena.text(""),
    arena.vector(["tsbox-guard"]),
    arena.vector([]),
    AT_EMPTY_PATH,
  ];
  program.op("execute the guard", "execveat", args);
}

function guardElf(): Uint8Array {
  const program = new Program(Arena.image(IMAGE_BASE));
  opGuard(program, FD.target + 1);
  return toElf(program);
}
