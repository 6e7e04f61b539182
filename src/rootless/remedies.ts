/** Why a `run` failed, when the host is to blame: the remedies of `doctor`, asked for only after a failure. */
import { ERRNO } from "../ffi/errno.ts";
import { SyscallError } from "../ffi/libc.ts";
import { TsboxError } from "../errors.ts";
import type { Finding } from "./host/finding.ts";
import { judgeKernel, judgeSeccomp, readKernelFacts } from "./host/kernel.ts";
import { judgeUserNamespaces, readNamespaceFacts } from "./host/user_namespaces.ts";

const EUSERS = 87;
/** EPERM and EACCES are a policy's way to say no; ENOSPC and EUSERS say that the limit is reached. */
const FORBIDDEN: readonly number[] = [ERRNO.EPERM, ERRNO.EACCES, ERRNO.ENOSPC, EUSERS];

/** What can be looked at; tests give their own. */
export interface HostChecks {
  namespaces(): Finding;
  kernel(): readonly Finding[];
}

const HOST_CHECKS: HostChecks = {
  namespaces: () => judgeUserNamespaces(readNamespaceFacts()),
  kernel: () => {
    const facts = readKernelFacts();
    return [judgeKernel(facts), judgeSeccomp(facts)];
  },
};

function syscallErrorIn(thrown: unknown): SyscallError | undefined {
  if (thrown instanceof SyscallError) return thrown;
  return thrown instanceof TsboxError && thrown.cause instanceof SyscallError
    ? thrown.cause
    : undefined;
}

function findingsFor({ errno }: SyscallError, checks: HostChecks): readonly Finding[] {
  if (errno === ERRNO.ENOSYS) return checks.kernel();
  return FORBIDDEN.includes(errno) ? [checks.namespaces()] : [];
}

/**
 * The error to show for one that starting a container threw: with the command that puts the host right
 * when `doctor` would find it wrong, else the same. Any value is taken, none is thrown.
 */
export function explainFailure(thrown: unknown, checks: HostChecks = HOST_CHECKS): unknown {
  const error = syscallErrorIn(thrown);
  if (error === undefined || !(thrown instanceof TsboxError)) return thrown;
  const culprit = findingsFor(error, checks).find(({ status }) => status === "missing");
  if (culprit === undefined || culprit.status === "ok") return thrown;
  return new TsboxError("host", `${thrown.message}, because of ${culprit.name}`, {
    cause: thrown,
    hint: culprit.fix,
    ...(thrown.stage !== undefined && { stage: thrown.stage }),
  });
}
