/** Resource limits by the names of the OCI runtime spec (config.md, "POSIX process", rlimits). */
import { TsboxError } from "../../errors.ts";

/** In the order of asm-generic/resource.h, which x86-64 and arm64 share. */
const NAMES: readonly string[] = [
  "CPU",
  "FSIZE",
  "DATA",
  "STACK",
  "CORE",
  "RSS",
  "NPROC",
  "NOFILE",
  "MEMLOCK",
  "AS",
  "LOCKS",
  "SIGPENDING",
  "MSGQUEUE",
  "NICE",
  "RTPRIO",
  "RTTIME",
];

/** The kernel's number of `RLIMIT_X`. @throws TsboxError "invalid-argument" */
export function rlimitNumber(type: string): number {
  const number = NAMES.indexOf(type.replace(/^RLIMIT_/, ""));
  if (number >= 0) return number;
  throw new TsboxError(
    "invalid-argument",
    `Cannot set the limit "${type}": there is no such limit`,
  );
}
