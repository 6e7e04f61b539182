/** Sockets that hold a port without listening on it. */
import { address, raw } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** What to bind to. */
export interface Endpoint {
  protocol: "tcp" | "udp";
  /** 4 bytes for IPv4, 16 for IPv6, as on the wire. */
  address: Uint8Array;
  port: number;
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress({ address: ip, port }: Endpoint): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(ip.length === 4 ? 16 : 28));
  bytes[0] = ip.length === 4 ? AF_INET : AF_INET6;
  bytes.set([port >> 8, port & 255], 2);
  bytes.set(ip, ip.length === 4 ? 4 : 8);
  return bytes;
}

function switchOn(fd: number, level: number, option: number): void {
  const on = new Int32Array(new ArrayBuffer(4)).fill(1);
  raw("setsockopt", fd, level, option, address(on), 4);
}

/**
 * A bound socket, close-on-exec, or `-errno`. While it is held nobody else gets the port, except a
 * program that sets SO_REUSEADDR, such as the one the port is held for.
 */
export function bindSocket(endpoint: Endpoint): number {
  const { protocol, address: ip } = endpoint;
  const type = (protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
  const fd = raw("socket", ip.length === 4 ? AF_INET : AF_INET6, type, 0);
  if (fd < 0) return fd;
  if (ip.length === 16) switchOn(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  // Before the bind, so that tcp connections of an earlier server that linger do not count as taken.
  // With udp it would let us share a port that is in use: there it is set after.
  if (protocol === "tcp") switchOn(fd, SOL_SOCKET, SO_REUSEADDR);
  const name = socketAddress(endpoint);
  const result = raw("bind", fd, address(name), name.length);
  if (result < 0) {
    raw("close", fd);
    return result;
  }
  switchOn(fd, SOL_SOCKET, SO_REUSEADDR);
  return fd;
}
