/** Children that work as root of the user namespace. */
import { CLONE } from "../../ffi/constants.ts";
import { runProgram } from "../../ffi/executor.ts";
import { errorOf, waitBlocking } from "../../ffi/process.ts";
import type { Program } from "../../ffi/program.ts";
import type { UserNamespace } from "../user_namespace.ts";

/** Appends the ops after which a child is root of the user namespace and nobody outside. */
export function opEnterUserNamespace(program: Program, userns: UserNamespace): void {
  program.op("join the user namespace", "setns", [userns.fd, CLONE.NEWUSER]);
  program.op("become root of the user namespace", "setresgid", [0, 0, 0]);
  program.op("become root of the user namespace", "setresuid", [0, 0, 0]);
  // Not allowed, and nothing would be won, where only one group is mapped.
  const ignore = userns.map.kind === "single";
  program.op("drop supplementary groups", "setgroups", [0, 0], { ignore });
}

/**
 * Appends the op that gives a child a mount namespace of its own. Being of another user namespace it tells
 * the host's nothing of its mounts (mount_namespaces(7), "slave").
 */
export function opOwnMounts(program: Program): void {
  program.op("make a mount namespace", "unshare", [CLONE.NEWNS]);
}

/** Runs a program whose child ends with exit_group(0). @throws SyscallError of the op that failed */
export function finish(program: Program, stage: string): void {
  const pid = runProgram(program);
  if (pid > 0) waitBlocking(pid);
  const failure = program.failure();
  if (failure !== undefined) throw errorOf(failure, stage);
}
