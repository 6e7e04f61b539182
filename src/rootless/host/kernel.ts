/** Whether the kernel has the calls a container is started with. */
import { release } from "node:os";
import { address, raw, type SyscallName } from "../../ffi/libc.ts";
import { type Finding, fine } from "./finding.ts";

/** What the kernel says. */
export interface KernelFacts {
  release: string;
  /** Calls it does not know, or that a filter around us forbids. */
  missingCalls: readonly string[];
  /** Whether seccomp filters can be installed that answer with an error number. */
  seccomp: boolean;
}

const ENOSYS = 38;
const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_RET_ERRNO = 0x00050000;

/** Calls newer than Linux 5.0; all exist since 5.12. Without arguments each fails, but says that it is there. */
const CALLS: readonly SyscallName[] = [
  "clone3",
  "pidfd_open",
  "close_range",
  "openat2",
  "open_tree",
  "move_mount",
  "fsopen",
  "mount_setattr",
];

/** Judges the kernel. */
export function judgeKernel({ release, missingCalls }: KernelFacts): Finding {
  const detail = `Linux ${release}`;
  if (missingCalls.length === 0) return fine("kernel", detail);
  return {
    name: "kernel",
    status: "missing",
    detail: `${detail} without ${missingCalls.join(", ")}`,
    lost: "no container can run",
    fix: "use Linux 5.12 or newer (Debian 12, Ubuntu 22.04); if this is a container itself, " +
      "start it with '--security-opt seccomp=unconfined'",
  };
}

/** Judges seccomp. */
export function judgeSeccomp({ seccomp }: KernelFacts): Finding {
  if (seccomp) return fine("seccomp", "filters can be installed");
  return {
    name: "seccomp",
    status: "missing",
    detail: "the kernel takes no filters",
    lost: "containers run only with --security-opt seccomp=unconfined",
    fix: "use a kernel built with CONFIG_SECCOMP_FILTER",
  };
}

/** Asks the kernel. */
export function readKernelFacts(): KernelFacts {
  const action = new Uint32Array(new ArrayBuffer(8)).fill(SECCOMP_RET_ERRNO, 0, 1);
  return {
    release: release(),
    missingCalls: CALLS.filter((name) => raw(name, -1, 0, 0, 0, 0) === -ENOSYS),
    seccomp: raw("seccomp", SECCOMP_GET_ACTION_AVAIL, 0, address(action)) === 0,
  };
}
