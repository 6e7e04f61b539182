/** Whether an ordinary user may make user namespaces here, and have their powers in them. */
import { readFileSync } from "node:fs";
import { Arena } from "../../ffi/arena.ts";
import { CLONE } from "../../ffi/constants.ts";
import { runProgram } from "../../ffi/executor.ts";
import { errnoName } from "../../ffi/errno.ts";
import { opClone, waitBlocking } from "../../ffi/process.ts";
import { Program } from "../../ffi/program.ts";
import { setSysctl } from "./fixes.ts";
import { type Finding, fine } from "./finding.ts";

/** What the host says. A setting is undefined where the kernel does not have it. */
export interface NamespaceFacts {
  /** user.max_user_namespaces. */
  most: string | undefined;
  /** kernel.unprivileged_userns_clone of Debian and its relatives. */
  clone: string | undefined;
  /** kernel.apparmor_restrict_unprivileged_userns of Ubuntu 23.10 and newer. */
  appArmor: string | undefined;
  /** How an attempt failed: at making one, or at using it (AppArmor lets us make one without powers). */
  failure?: { step: "make" | "use"; errno: number };
}

const NAME = "user namespaces";

/** Judges the facts. */
export function judgeUserNamespaces(facts: NamespaceFacts): Finding {
  const { failure } = facts;
  if (failure === undefined) return fine(NAME, "allowed");
  const detail = `cannot ${failure.step} one: ${errnoName(failure.errno)}`;
  return { name: NAME, status: "missing", detail, lost: "no container can run", fix: fixOf(facts) };
}

function fixOf({ most, clone, appArmor }: NamespaceFacts): string {
  if (clone === "0") return setSysctl("kernel.unprivileged_userns_clone", "1");
  if (most === "0") return setSysctl("user.max_user_namespaces", "28633");
  if (appArmor === "1") return setSysctl("kernel.apparmor_restrict_unprivileged_userns", "0");
  if (most === undefined) return "use a kernel built with CONFIG_USER_NS";
  return "if this is a container itself, start it with user namespaces allowed " +
    "('--security-opt seccomp=unconfined --security-opt apparmor=unconfined')";
}

function setting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim();
  } catch {
    return undefined;
  }
}

function attempt(): NamespaceFacts["failure"] {
  const program = new Program(Arena.live());
  opClone(program, CLONE.NEWUSER);
  program.op("use a user namespace", "unshare", [CLONE.NEWNS]);
  program.op("exit", "exit_group", [0]);
  const pid = runProgram(program);
  if (pid < 0) return { step: "make", errno: -pid };
  waitBlocking(pid);
  const failure = program.failure();
  return failure && { step: "use", errno: failure.errno };
}

/** Reads the settings and makes an attempt. */
export function readNamespaceFacts(): NamespaceFacts {
  const failure = attempt();
  return {
    most: setting("user/max_user_namespaces"),
    clone: setting("kernel/unprivileged_userns_clone"),
    appArmor: setting("kernel/apparmor_restrict_unprivileged_userns"),
    ...(failure && { failure }),
  };
}
