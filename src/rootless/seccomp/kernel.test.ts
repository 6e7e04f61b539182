/** The filter in the real kernel: a child loads it and makes calls that it must judge. */
import { expect, test } from "bun:test";
import { Arena } from "../../ffi/arena.ts";
import { CLONE, PR } from "../../ffi/constants.ts";
import { runProgram } from "../../ffi/executor.ts";
import { ARCH } from "../../ffi/numbers.ts";
import type { SyscallName } from "../../ffi/numbers.ts";
import { opClone, waitBlocking } from "../../ffi/process.ts";
import { type Arg, Program } from "../../ffi/program.ts";
import type { SpecSeccomp } from "../../oci/runtime_spec.ts";
import { compileSeccomp } from "./compile.ts";
import { readyFilter } from "./filter.ts";

const SECCOMP_SET_MODE_FILTER = 1;
const [EPERM, EBADF, EFAULT, ENOSYS, EAFNOSUPPORT] = [1, 9, 14, 38, 97];
const [AF_UNIX, AF_VSOCK, SOCK_STREAM] = [1, 40, 1];

type Call = [name: SyscallName, ...args: Arg[]];

/** What a call gives a child under a filter: its result, or -errno. */
function under(filter: Uint8Array, flags: number, [name, ...args]: Call): number {
  const arena = Arena.live();
  const program = new Program(arena);
  opClone(program, CLONE.VFORK);
  program.op("set no_new_privs", "prctl", [PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
  // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
  const fprog = arena.words([filter.length / 8, arena.put(filter)]);
  program.op("load the filter", "seccomp", [SECCOMP_SET_MODE_FILTER, flags, fprog]);
  const into = program.register();
  program.op("try the call", name, args, { into });
  program.op("end", "exit_group", [0]);
  waitBlocking(runProgram(program));
  const failure = program.failure();
  if (failure === undefined) return arena.word(into.register);
  expect(failure.op.what).toBe("try the call");
  return -failure.errno;
}

test("the kernel takes the default filter and refuses, hides and allows by it", () => {
  const ready = readyFilter();
  if (ready === undefined) throw new Error("no ready-made filter");
  const call = (...call: Call) => under(ready.program, ready.flags, call);
  expect(call("mount", 0, 0, 0, 0, 0)).toBe(-EPERM);
  expect(call("unshare", CLONE.NEWUSER)).toBe(-EPERM);
  expect(call("setns", -1, 0)).toBe(-EPERM);
  expect(call("clone3", 0, 0)).toBe(-ENOSYS);
  expect(call("socket", AF_VSOCK, SOCK_STREAM, 0)).toBe(-EPERM);
  expect(call("socket", AF_VSOCK + 2 ** 32, SOCK_STREAM, 0)).toBe(-EPERM);
  expect(call("socket", AF_UNIX, SOCK_STREAM, 0)).toBeGreaterThanOrEqual(0);
  expect(call("getpid")).toBeGreaterThan(0);
  expect(call("chroot", 0)).toBe(-EFAULT);
});

test("without the filter the kernel looks at those calls itself", () => {
  const profile: SpecSeccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: [],
    syscalls: [{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: EAFNOSUPPORT }],
  };
  const call = (...call: Call) => under(compileSeccomp(profile, ARCH), 0, call);
  expect(call("clone3", 0, 0)).toBe(-EAFNOSUPPORT);
  expect(call("setns", -1, 0)).toBe(-EBADF);
});

test("the kernel takes filters with all actions and flags a profile may name", () => {
  const syscalls = ["LOG", "TRAP", "KILL_PROCESS", "KILL_THREAD"].map((action, i) => ({
    names: [["mount", "setns", "unshare", "chroot"][i] ?? ""],
    action: `SCMP_ACT_${action}`,
    args: [{ index: 0, value: i, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
  }));
  const profile: SpecSeccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: [], syscalls };
  const LOG_AND_SPEC_ALLOW = 6;
  expect(under(compileSeccomp(profile, ARCH), LOG_AND_SPEC_ALLOW, ["getpid"])).toBeGreaterThan(0);
});
