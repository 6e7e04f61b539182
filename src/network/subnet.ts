/** The addresses of a private network: the same in every container, chosen so that none of the host's is hidden. */

/** A /24 of IPv4. */
export interface Subnet {
  /** `10.201.0.0/24`. */
  cidr: string;
  /** The container's; slirp4netns always takes .100. */
  address: string;
  /** The router's, which is nobody: see --no-map-gw in pasta.ts. */
  gateway: string;
  /** Where queries for the host's own resolver are sent. */
  dns: string;
}

/** IPv6 beside it: unique local addresses (RFC 4193), "tsbox" in hexadecimal. */
export const SUBNET6 = { address: "fd74:7362:6f78::100", gateway: "fd74:7362:6f78::2" } as const;

/** First three bytes, in order of preference: ranges that hypervisors and cloud providers do not start with. */
const CANDIDATES = [[10, 201, 0], [172, 29, 201], [192, 168, 201], [10, 77, 201]] as const;

interface Route {
  network: number;
  mask: number;
}

/** The host's IPv4 routes but the default ones, by /proc/net/route (network byte order, read as little endian). */
function routesOf(text: string): Route[] {
  return text.split("\n").slice(1).flatMap((line) => {
    const [, network, , , , , , mask] = line.trim().split(/\s+/);
    if (network === undefined || mask === undefined) return [];
    const route = { network: parseInt(network, 16), mask: parseInt(mask, 16) };
    return Number.isNaN(route.network) || route.mask === 0 ? [] : [route];
  });
}

function hides(route: Route, [a, b, c]: readonly [number, number, number]): boolean {
  // A route narrower than /24 overlaps when its network lies in ours: compare what both fix.
  const ours = { network: a | (b << 8) | (c << 16), mask: 0x00ff_ffff };
  const mask = route.mask & ours.mask;
  return (route.network & mask) === (ours.network & mask);
}

/** The first candidate that no route of the host overlaps; `routes` is the text of /proc/net/route. */
export function chooseSubnet(routes: string): Subnet {
  const taken = routesOf(routes);
  const [a, b, c] = CANDIDATES.find((bytes) => !taken.some((r) => hides(r, bytes))) ??
    CANDIDATES[0];
  const base = `${a}.${b}.${c}`;
  return {
    cidr: `${base}.0/24`,
    address: `${base}.100`,
    gateway: `${base}.2`,
    dns: `${base}.3`,
  };
}

/** Whether /proc/net/ipv6_route has a way out; the kernel's unreachable default is on `lo`. */
export function hasRoute6(text: string): boolean {
  return text.split("\n").some((line) => /^0{32} 00 /.test(line) && !/\slo$/.test(line));
}
