/** Published ports on the host's side: checked, chosen and held before anything is started. */
import { closeSync, readFileSync } from "node:fs";
import { bindSocket } from "../ffi/bound_socket.ts";
import { errnoName } from "../ffi/errno.ts";
import { ipVersion } from "../container/ip_address.ts";
import type { PortMapping } from "../container/run_options.ts";
import { TsboxError } from "../errors.ts";

const EACCES = 13;
const EAFNOSUPPORT = 97;
const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;

/** How often a port is drawn before we give up; a host where this many are taken has no more. */
const DRAWS = 100;

/** Ports that are ours until {@link HeldPorts.release}. */
export interface HeldPorts {
  /** As asked for, with a number in place of every host port 0. */
  ports: PortMapping[];
  /** To be called when the network program has bound them itself, or was not started. */
  release(): void;
}

/** Bytes of a literal address. */
export function addressBytes(text: string): Uint8Array {
  if (ipVersion(text) === 4) return Uint8Array.from(text.split("."), Number);
  // The URL parser writes any IPv6 address as hexadecimal groups, `::` for the longest run of zeros.
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":").map((g) => parseInt(g, 16));
  const [front, back] = [groups(head), groups(tail ?? "")];
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}

/** No address of the host means all of them, of both families. */
function hostAddresses(mapping: PortMapping): string[] {
  return mapping.hostIp === "" ? ["0.0.0.0", "::"] : [mapping.hostIp];
}

/** `0.0.0.0:80`, `[::1]:80`. */
export function endpointText(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip || "0.0.0.0"}:${port}`;
}

interface Refusal {
  ip: string;
  errno: number;
}

/** Binds a port on all the mapping's addresses, or on none. A host without IPv6 is served by IPv4. */
function hold(mapping: PortMapping, port: number): number[] | Refusal {
  const held: number[] = [];
  for (const ip of hostAddresses(mapping)) {
    const { protocol } = mapping;
    const fd = bindSocket({ protocol, address: addressBytes(ip), port });
    if (fd >= 0) held.push(fd);
    const absent = mapping.hostIp === "" && (fd === -EAFNOSUPPORT || fd === -EADDRNOTAVAIL);
    if (fd >= 0 || absent) continue;
    held.forEach((other) => closeSync(other));
    return { ip, errno: -fd };
  }
  return held;
}

function refused({ hostPort }: PortMapping, { ip, errno }: Refusal): TsboxError {
  const where = endpointText(ip, hostPort);
  if (errno === EADDRINUSE) {
    return new TsboxError("in-use", `Bind for ${where} failed: port is already allocated`, {
      hint: `choose another host port, or see who has it with 'ss -lnptu sport = :${hostPort}'`,
    });
  }
  if (errno === EACCES) {
    return new TsboxError("host", `Bind for ${where} failed: permission denied`, {
      hint: `choose a port above 1023, or ask an administrator to run ` +
        `'sysctl net.ipv4.ip_unprivileged_port_start=${hostPort}'`,
    });
  }
  const reason = errno === EADDRNOTAVAIL ? "cannot assign requested address" : errnoName(errno);
  return new TsboxError("invalid-argument", `Bind for ${where} failed: ${reason}`);
}

/** The range the kernel draws from itself (ip(7)). */
function localPorts(): [number, number] {
  try {
    const text = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
    const [low, high] = text.trim().split(/\s+/).map(Number);
    if (low !== undefined && high !== undefined && low <= high) return [low, high];
  } catch {
    // Masked /proc: the kernel's default holds.
  }
  return [32768, 60999];
}

function draw(
  mapping: PortMapping,
  others: readonly PortMapping[],
): { port: number; held: number[] } {
  const [low, high] = localPorts();
  let refusal: Refusal = { ip: mapping.hostIp, errno: EADDRINUSE };
  for (let i = 0; i < DRAWS; i++) {
    const port = low + Math.floor(Math.random() * (high - low + 1));
    // Asking the kernel is not enough: tcp sockets that do not listen may share a port.
    if (others.some((other) => sameSocket(other, { ...mapping, hostPort: port }))) continue;
    const held = hold(mapping, port);
    if (Array.isArray(held)) return { port, held };
    refusal = held;
    if (held.errno !== EADDRINUSE) break;
  }
  throw refused(mapping, refusal);
}

function sameSocket(a: PortMapping, b: PortMapping): boolean {
  const anywhere = [a, b].some(({ hostIp }) => hostIp === "");
  return a.protocol === b.protocol && a.hostPort === b.hostPort && a.hostPort !== 0 &&
    (a.hostIp === b.hostIp || anywhere);
}

/**
 * Takes the host's ports of all mappings.
 * @throws TsboxError "in-use" for a port that is taken, "host" for one that needs privilege
 */
export function holdPorts(mappings: readonly PortMapping[]): HeldPorts {
  const sockets: number[] = [];
  const release = () => sockets.splice(0).forEach((fd) => closeSync(fd));
  const ports: PortMapping[] = [];
  try {
    for (const mapping of mappings) {
      if (ports.some((other) => sameSocket(other, mapping))) {
        throw refused(mapping, { ip: mapping.hostIp, errno: EADDRINUSE });
      }
      const { port, held } = mapping.hostPort === 0
        ? draw(mapping, [...mappings, ...ports])
        : given(mapping);
      sockets.push(...held);
      ports.push({ ...mapping, hostPort: port });
    }
    return { ports, release };
  } catch (error) {
    release();
    throw error;
  }
}

function given(mapping: PortMapping): { port: number; held: number[] } {
  const held = hold(mapping, mapping.hostPort);
  if (!Array.isArray(held)) throw refused(mapping, held);
  return { port: mapping.hostPort, held };
}
