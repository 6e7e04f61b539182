/** What is set in the new namespaces beside mounts. */
import { AT_FDCWD, O } from "../../ffi/constants.ts";
import type { Program } from "../../ffi/program.ts";
import type { NamespaceType, RuntimeSpec } from "../../oci/runtime_spec.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
const IFNAMSIZ = 16;

/** Whether the container has a namespace of its own of this type. */
export function hasNamespace(spec: RuntimeSpec, type: NamespaceType): boolean {
  return spec.linux.namespaces.some((namespace) => namespace.type === type);
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
  for (const [name, value] of Object.entries(sysctls)) {
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
