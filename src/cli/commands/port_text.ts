import type { PortSummary } from "../../engine/api_types.ts";

/** Ports that follow each other at one address and map alike. */
interface Group {
  ip: string | undefined;
  type: string;
  from: number;
  to: number;
  /** Public minus private; undefined for ports that are exposed only. */
  offset: number | undefined;
}

/** The PORTS column: `0.0.0.0:8000-8002->80-82/tcp, 443/tcp`. */
export function portText(ports: readonly PortSummary[]): string {
  const groups: Group[] = [];
  for (const port of [...ports].sort(byAddressAndPort)) {
    const offset = port.PublicPort === undefined ? undefined : port.PublicPort - port.PrivatePort;
    const last = groups.at(-1);
    const follows = last && last.ip === port.IP && last.type === port.Type &&
      last.offset === offset && last.to + 1 === port.PrivatePort;
    if (follows) last.to = port.PrivatePort;
    else {
      const { IP: ip, Type: type, PrivatePort: from } = port;
      groups.push({ ip, type, from, to: from, offset });
    }
  }
  return groups.map(groupText).join(", ");
}

function byAddressAndPort(a: PortSummary, b: PortSummary): number {
  if (a.Type !== b.Type) return a.Type < b.Type ? -1 : 1;
  if (a.IP !== b.IP) return (a.IP ?? "") < (b.IP ?? "") ? -1 : 1;
  return a.PrivatePort - b.PrivatePort;
}

function groupText({ ip, type, from, to, offset }: Group): string {
  const inside = `${range(from, to)}/${type}`;
  if (offset === undefined) return inside;
  const address = ip?.includes(":") ? `[${ip}]` : ip;
  return `${address}:${range(from + offset, to + offset)}->${inside}`;
}

function range(from: number, to: number): string {
  return from === to ? String(from) : `${from}-${to}`;
}
