/** What the stub reported, in docker's words where the command is to blame. */
import { errorOf } from "../../ffi/process.ts";
import { type Failure, Program } from "../../ffi/program.ts";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import type { SpecProcess } from "../../oci/runtime_spec.ts";
import { TsboxError } from "../../errors.ts";
import { INIT_EXEC_FAILED } from "../init/init_elf.ts";
import { bestExcuse, type ExecResult, isMissing } from "./exec_candidates.ts";
import { type LastSteps, OPEN_WORKING_DIRECTORY, SET_LIMIT } from "./stub.ts";

const REASONS: Readonly<Record<number, string>> = {
  2: "no such file or directory",
  7: "argument list too long",
  8: "exec format error",
  13: "permission denied",
  20: "not a directory",
  21: "is a directory",
  40: "too many levels of symbolic links",
};

/**
 * @param report two words: the op that failed, from 1, and its -errno
 * @param results the memory of the stub's ops
 */
export function stubFailure(
  stub: LastSteps,
  process: SpecProcess,
  report: Uint8Array,
  results: Uint8Array,
): TsboxError {
  const words = new DataView(report.buffer, report.byteOffset, report.byteLength);
  const failed = Number(words.getBigInt64(0, true));
  const result = Number(words.getBigInt64(8, true));
  const command = process.args[0] ?? "";
  if (failed === INIT_EXEC_FAILED) return commandError(command, { path: command, errno: -result });
  const failure = stub.program.failureOf(failed, result);
  if (failure === undefined || failed <= stub.firstExec || stub.candidates.length === 0) {
    const unknown = new TsboxError("host", "Cannot start the container: its first steps failed");
    if (failure === undefined) return unknown;
    return noDirectory(failure, process) ?? highLimit(failure) ??
      errorOf(failure, "before the command");
  }
  const excuse = bestExcuse(execResults(stub, results)) ?? { path: command, errno: -result };
  return commandError(command, excuse);
}

/** Nobody makes the directory for `exec`; docker counts that as a command that is not there. */
function noDirectory({ op, errno }: Failure, { cwd }: SpecProcess): TsboxError | undefined {
  if (!op.what.startsWith(OPEN_WORKING_DIRECTORY) || !isMissing({ path: cwd, errno })) return;
  const message = `chdir to cwd (${JSON.stringify(cwd)}): ${REASONS[errno]}`;
  return new TsboxError("command-not-found", message);
}

function highLimit({ op: { what }, errno }: Failure): TsboxError | undefined {
  if (!what.startsWith(SET_LIMIT) || errno !== ERRNO.EPERM) return undefined;
  const message =
    `Cannot ${what}: it is above this user's own hard limit, which only root may raise`;
  return new TsboxError("host", message, {
    hint:
      "'ulimit -aH' shows what there is; an administrator can raise it in /etc/security/limits.conf",
  });
}

function execResults(stub: LastSteps, results: Uint8Array): ExecResult[] {
  const memory = new DataView(results.buffer, results.byteOffset, results.byteLength);
  return stub.candidates.flatMap((path, i) => {
    const at = (stub.firstExec + i) * Program.OP_SIZE + Program.RESULT_OFFSET;
    if (at + 8 > memory.byteLength) return [];
    return { path, errno: -Number(memory.getBigInt64(at, true)) };
  });
}

/** Exit status 127 for a command that is not there, 126 for one that cannot be executed. */
function commandError(command: string, excuse: ExecResult): TsboxError {
  const missing = isMissing(excuse);
  const name = JSON.stringify(command);
  if (missing && !command.includes("/")) {
    return new TsboxError("command-not-found", `exec: ${name}: executable file not found in $PATH`);
  }
  const reason = REASONS[excuse.errno] ?? errnoName(excuse.errno);
  const code = missing ? "command-not-found" : "cannot-execute";
  const path = command.includes("/") ? "" : ` (${excuse.path})`;
  return new TsboxError(code, `exec: ${name}${path}: ${reason}`);
}
