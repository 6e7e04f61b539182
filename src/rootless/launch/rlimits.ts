/** Resource limits by the names of the OCI runtime spec (config.md, "POSIX process", rlimits). */
import { address, sys } from "../../ffi/libc.ts";
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

const PREFIX = "RLIMIT_";

/** The kernel's number of `RLIMIT_X`. @throws TsboxError "invalid-argument" */
export function rlimitNumber(type: string): number {
  const number = NAMES.indexOf(type.startsWith(PREFIX) ? type.slice(PREFIX.length) : type);
  if (number >= 0) return number;
  throw new TsboxError(
    "invalid-argument",
    `Cannot set the limit "${type}": there is no such limit`,
  );
}

/** Our own hard limit of open files; -1 is none. @throws SyscallError */
export function hardLimitOfFiles(): number {
  // struct rlimit64 { soft; hard } as halves of words.
  const limits = new Uint32Array(4);
  const nofile = rlimitNumber("NOFILE");
  sys("read the limit of open files", "prlimit64", 0, nofile, 0, address(limits));
  return (limits[2] ?? 0) + ((limits[3] ?? 0) | 0) * 0x1_0000_0000;
}
