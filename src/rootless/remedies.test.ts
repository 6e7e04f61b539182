import { expect, test } from "bun:test";
import { TsboxError } from "../errors.ts";
import { SyscallError } from "../ffi/libc.ts";
import { judgeUserNamespaces } from "./host/user_namespaces.ts";
import { judgeKernel } from "./host/kernel.ts";
import { explainFailure, type HostChecks } from "./remedies.ts";

const FACTS = { most: "1000", clone: undefined, appArmor: "1" };
const restricted: HostChecks = {
  namespaces: () => judgeUserNamespaces({ ...FACTS, failure: { step: "use", errno: 13 } }),
  kernel: () => [judgeKernel({ release: "5.4.0", missingCalls: ["clone3"], seccomp: true })],
};
const sound: HostChecks = {
  namespaces: () => judgeUserNamespaces(FACTS),
  kernel: () => [judgeKernel({ release: "6.1.0", missingCalls: [], seccomp: true })],
};

function explained(thrown: unknown, checks: HostChecks): TsboxError {
  const error = explainFailure(thrown, checks);
  if (error instanceof TsboxError) return error;
  throw new Error("not a TsboxError");
}

test("a refused step on a host that restricts namespaces names the setting", () => {
  const thrown = new SyscallError("mount overlay on /", "mount", 13, "container set-up");
  const error = explained(thrown, restricted);
  expect(error.code).toBe("host");
  expect(error.message).toBe("Cannot mount overlay on /: EACCES, because of user namespaces");
  expect(error.hint).toContain("kernel.apparmor_restrict_unprivileged_userns=0");
  expect(error.stage).toBe("container set-up");
  expect(error.cause).toBe(thrown);
});

test("the failure may be the cause of another error", () => {
  const cause = new SyscallError("make a user namespace", "clone3", 28);
  const thrown = new TsboxError("host", cause.message, { cause, hint: "run 'tsbox doctor'" });
  expect(explained(thrown, restricted).hint).toContain("sysctl");
});

test("a call the kernel lacks names the kernel that has it", () => {
  const thrown = new SyscallError("make a process", "clone3", 38);
  expect(explained(thrown, restricted).hint).toContain("Linux 5.12");
});

test("on a sound host, and for other failures, the error stays as it is", () => {
  const refused = new SyscallError("mount proc on /proc", "mount", 1);
  expect(explainFailure(refused, sound)).toBe(refused);
  const absent = new SyscallError("open /x", "openat", 2);
  expect(explainFailure(absent, restricted)).toBe(absent);
  expect(explainFailure("text", restricted)).toBe("text");
});

test("asked about this very host it changes nothing where tests can run at all", () => {
  const refused = new SyscallError("mount proc on /proc", "mount", 1);
  expect(explainFailure(refused)).toBe(refused);
});
