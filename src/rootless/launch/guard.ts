/**
 * A process that kills the container when we are gone, however we went.
 *
 * The death signal a process asks for itself (PR_SET_PDEATHSIG) is lost as soon as it changes its user, which
 * the entry points of many images do. The guard shares our memory, runs no code of ours but a few system
 * calls, and waits for the end of a pipe that only we can write to.
 */
import { Arena } from "../../ffi/arena.ts";
import { PR, SIGKILL } from "../../ffi/constants.ts";
import { runProgram } from "../../ffi/executor.ts";
import { raw, sys, SyscallError } from "../../ffi/libc.ts";
import { opClone, pipe, sendSignal, waitBlocking } from "../../ffi/process.ts";
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

/** Guards a child of ours that was not waited for yet. @throws SyscallError */
export function startGuard(target: number): Guard {
  const life = pipe();
  const handle = sys(`open process ${target}`, "pidfd_open", target, 0);
  const program = new Program(Arena.live());
  const { arena } = program;
  opClone(program, 0);
  program.op("name the process", "prctl", [PR.SET_NAME, arena.text("tsbox-guard")]);
  program.op("keep the pipe", "dup3", [life.read, FD.life, 0]);
  program.op("keep the target", "dup3", [handle, FD.target, 0]);
  // Also 0, 1 and 2: whoever reads the container's output waits for the last one to close it.
  program.op("close descriptors", "close_range", [0, FD.life - 1, 0]);
  program.op("close descriptors", "close_range", [FD.target + 1, 0xffffffff, 0]);
  program.op("wait", "read", [FD.life, arena.reserve(8), 1], { ignore: true });
  const kill = [FD.target, SIGKILL, 0, 0];
  program.op("kill the container", "pidfd_send_signal", kill, { ignore: true });
  program.op("exit", "exit_group", [0]);
  const pid = runProgram(program);
  raw("close", life.read);
  raw("close", handle);
  if (pid < 0) {
    raw("close", life.write);
    throw new SyscallError("make a guard for the container", "clone3", -pid);
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
