/** Actions of a seccomp profile as the values a filter returns (linux/seccomp.h). */
import { TsboxError } from "../../errors.ts";

const EPERM = 1;
const ENOSYS = 38;
const ERRNO = 0x00050000;
const TRACE = 0x7ff00000;
const MAX_DATA = 0xffff;

/** What a filter says to a call of an architecture it does not know; as libseccomp. */
export const KILL_THREAD = 0;
/** What it says to a call that is newer than the profile. */
export const NO_SUCH_CALL = ERRNO | ENOSYS;

const CONSTANT: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: KILL_THREAD,
  SCMP_ACT_KILL_THREAD: KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

/**
 * The value of an action.
 * @param data errno, or what the tracer gets; EPERM when not said
 * @throws TsboxError("unsupported") for SCMP_ACT_NOTIFY, TsboxError("invalid-argument") for unknown
 */
export function actionValue(action: string, data: number = EPERM): number {
  const constant = CONSTANT[action];
  if (constant !== undefined) return constant;
  if (!Number.isInteger(data) || data < 0 || data > MAX_DATA) {
    throw new TsboxError("invalid-argument", `invalid errnoRet in seccomp profile: ${data}`);
  }
  if (action === "SCMP_ACT_ERRNO") return ERRNO | data;
  if (action === "SCMP_ACT_TRACE") return TRACE | data;
  if (action === "SCMP_ACT_NOTIFY") {
    throw new TsboxError("unsupported", "SCMP_ACT_NOTIFY in a seccomp profile is not supported");
  }
  throw new TsboxError("invalid-argument", `unknown action in seccomp profile: "${action}"`);
}

/** Lets calls through that nothing is said about, so that newer calls need no care. */
export function isPermissive(action: string): boolean {
  return ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(action);
}

const FLAGS: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
};

/**
 * Flags for seccomp(2). Not said means SPEC_ALLOW, as with runc: without it every system call pays
 * for speculation barriers.
 * @throws TsboxError("unsupported") for an unknown flag
 */
export function filterFlags(names: readonly string[] | undefined): number {
  if (names === undefined) return 4;
  return names.reduce((bits, name) => {
    const bit = FLAGS[name];
    if (bit !== undefined) return bits | bit;
    throw new TsboxError("unsupported", `seccomp flag "${name}" is not supported`);
  }, 0);
}
