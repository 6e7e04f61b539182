/** What is set in the new namespaces beside mounts. */
import { AT_FDCWD, CLONE, O } from "../../ffi/constants.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { raw } from "../../ffi/libc.ts";
import type { Program } from "../../ffi/program.ts";
import type { NamespaceType, RuntimeSpec } from "../../oci/runtime_spec.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
const IFNAMSIZ = 16;
const KEYCTL_GET_KEYRING_ID = 0;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const KEY_SPEC_SESSION_KEYRING = -3;

const NAMESPACE_FLAGS: Readonly<Record<NamespaceType, number>> = {
  user: 0, // joined by itself, before the others
  mount: CLONE.NEWNS,
  pid: CLONE.NEWPID,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  network: CLONE.NEWNET,
  cgroup: CLONE.NEWCGROUP,
};

/** The types as clone(2) and setns(2) name them, without the user's. */
export function namespaceFlags(types: readonly NamespaceType[]): number {
  let flags = 0;
  for (const type of types) flags += NAMESPACE_FLAGS[type];
  return flags;
}

/** Whether the container has a namespace of its own of this type. */
export function hasNamespace(spec: Pick<RuntimeSpec, "linux">, type: NamespaceType): boolean {
  for (const namespace of spec.linux.namespaces) if (namespace.type === type) return true;
  return false;
}

/** Whether we have keys: not with a kernel without any, nor in a container whose filter refuses the call for us and ours. */
export function hasKeys(): boolean {
  const known = raw("keyctl", KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  return known !== -ERRNO.ENOSYS && known !== -ERRNO.EPERM;
}

/**
 * A session keyring of the container's own: the caller's, with what is in it, would be inherited. It
 * counts against the caller's few keys, so it is for containers whose seccomp filter lets keyctl(2) pass.
 */
export function opOwnKeyring(program: Program): void {
  program.op("leave the caller's keyring", "keyctl", [KEYCTL_JOIN_SESSION_KEYRING, 0]);
}

/** A new network namespace has a loopback interface that is down. */
export function opLoopbackUp(program: Program): void {
  const { arena } = program;
  const socket = program.register();
  const request = arena.reserve(40); // struct ifreq: name, then flags
  arena.setWord(request, 0x6f6c); // "lo"
  arena.setWord(request + IFNAMSIZ, IFF_UP);
  program.op("open a socket", "socket", [AF_INET, SOCK_DGRAM_CLOEXEC, 0], { into: socket });
  program.op("start the loopback interface", "ioctl", [socket, SIOCSIFFLAGS, request]);
  program.op("close a socket", "close", [socket]);
}

/** Writes sysctls: names with dots, as `net.ipv4.ip_forward`. Before /proc/sys becomes read-only. */
export function opSysctls(program: Program, sysctls: Readonly<Record<string, string>>): void {
  const { arena } = program;
  for (const name in sysctls) {
    const value = sysctls[name] ?? "";
    const file = program.register();
    const path = `/proc/sys/${name.replaceAll(".", "/")}`;
    const flags = O.WRONLY | O.CLOEXEC;
    const args = [AT_FDCWD, arena.text(path), flags, 0];
    program.op(`open the sysctl ${name}`, "openat", args, { into: file });
    const length = new TextEncoder().encode(value).length;
    program.op(`set the sysctl ${name}=${value}`, "write", [file, arena.text(value), length]);
    program.op("close a file", "close", [file]);
  }
}
