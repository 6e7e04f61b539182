/**
 * A process that kills the container when we are gone, however we went.
 *
 * The death signal a process asks for itself (PR_SET_PDEATHSIG) is lost as soon as it changes its user, which
 * the entry points of many images do. The guard shares our memory, runs no code of ours but a few system
 * calls, and waits for the end of a pipe that only we can write to. It can also do what is left to be done when
 * we have nothing to say any more: then our end, which takes the kernel a while, is not waited for either.
 */
import { Arena } from "../../ffi/arena.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, PR, SIGKILL } from "../../ffi/constants.ts";
import { IMAGE_BASE, toElf } from "../../ffi/elf.ts";
import { runProgram } from "../../ffi/executor.ts";
import { pin, raw } from "../../ffi/libc.ts";
import { ARCH } from "../../ffi/numbers.ts";
import { sealedFile } from "../../ffi/memfd.ts";
import {
  errorOf,
  opClone,
  opCloneToExecute,
  openProcess,
  opPlace,
  pipe,
  sendSignal,
  waitBlocking,
  waitCleared,
} from "../../ffi/process.ts";
import { type Arg, Program } from "../../ffi/program.ts";

/** Removes a file, or an empty directory, or makes a directory accessible to us. Paths are absolute. */
export type LastStep = { kind: "file" | "directory" | "open"; path: string };

/** A guard at work. */
export interface Guard {
  /** Waits until one with memory of its own has it. Once. @throws SyscallError when it has not come to that */
  settle(): void;
  /** Tells the guard what {@link leave} will have it do, which may fail. Once; not for one with memory of its own. */
  prepare(steps: readonly LastStep[]): void;
  /**
   * Has the guard do what was prepared, and end; we need not wait for it, nor live. False when nothing was, or it
   * has ended already. Only when what it guards has ended.
   */
  leave(): boolean;
  /** Tells the guard to end, when what it guards has ended and was waited for. */
  dismiss(): void;
  /** Waits until it has, so that nobody else has to; does nothing before {@link dismiss} or again. */
  reap(): void;
}

/** Ops that it may have. */
const ROOM = 64;

/** Descriptors of the guard. */
const FD = { life: 3, target: 4 } as const;

/**
 * Guards a child of ours that was not waited for yet.
 * @param lasting the guard gets memory of its own, a few pages, in place of sharing all of ours, while we go on: for
 *   those who live long
 * @throws SyscallError
 */
export function startGuard(target: number, lasting = false): Guard {
  const life = pipe();
  const handle = openProcess(target);
  const elf = lasting ? sealedFile("tsbox-guard", guardElf()) : undefined;
  const program = new Program(Arena.live(), ARCH, ROOM);
  let begun: number | undefined;
  if (lasting) begun = opCloneToExecute(program);
  else opClone(program, 0);
  const file = opPlace(program, [[life.read, FD.life], [handle, FD.target]], elf);
  if (elf === undefined) opGuard(program, FD.target + 1);
  else opExecute(program, file);
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
  let prepared = false;
  return {
    settle() {
      if (begun === undefined) return;
      waitCleared(program, begun);
      const failure = program.failure();
      program.arena.discard();
      if (failure !== undefined) throw errorOf(failure, "guard");
    },
    prepare(steps) {
      if (lasting) return;
      opLastSteps(program, steps);
      program.extend();
      prepared = true;
    },
    leave() {
      if (state !== "watching" || !prepared) return false;
      state = "gone";
      raw("write", life.write, pin(new Uint8Array(1)), 1);
      raw("close", life.write);
      return true;
    },
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
  // A word leads over what follows to the last steps; the end of the pipe is a failure.
  program.op("wait", "read", [FD.life, arena.reserve(8), 1], { nonzero: true, skip: 2 });
  program.onFailure();
  const kill = [FD.target, SIGKILL, 0, 0];
  program.op("kill the container", "pidfd_send_signal", kill, { ignore: true });
  program.op("exit", "exit_group", [0]);
}

function opLastSteps(program: Program, steps: readonly LastStep[]): void {
  const { arena } = program;
  for (const { kind, path } of steps) {
    const name = arena.text(path);
    if (kind === "open") {
      program.op(`open ${path}`, "fchmodat", [AT_FDCWD, name, 0o700], { ignore: true });
    } else {
      const flags = kind === "directory" ? AT_REMOVEDIR : 0;
      program.op(`delete ${path}`, "unlinkat", [AT_FDCWD, name, flags], { ignore: true });
    }
  }
  program.op("exit", "exit_group", [0]);
}

function opExecute(program: Program, elf: Arg): void {
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
