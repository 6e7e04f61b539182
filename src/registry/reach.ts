/**
 * Who may lead us to whom. A registry on the internet must not make this machine talk to itself or to its own
 * network, where services trust whoever asks; one that is in this network may point at its neighbours.
 */
import { ipVersion } from "../container/ip_address.ts";
import { inBlock } from "./address_block.ts";

/** All addresses of a name; throws or gives none where there is none. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** Blocks whose addresses are not those of somebody on the internet (IANA special-purpose registries). */
const NEAR = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
  "::/127",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

/** IPv6 blocks that hold an IPv4 address, and after how many groups of 16 bits. */
const EMBEDDING: readonly [block: string, at: number][] = [
  ["::/96", 6],
  ["::ffff:0:0/96", 6],
  ["64:ff9b::/96", 6],
  ["64:ff9b:1::/48", 6],
  ["2002::/16", 1],
];

/** Whether an address is this machine's or one of a private network. */
export function isNearAddress(address: string): boolean {
  if (NEAR.some((block) => inBlock(block, address))) return true;
  const embedding = EMBEDDING.find(([block]) => inBlock(block, address));
  return embedding !== undefined && isNearAddress(embedded(address, embedding[1]));
}

function embedded(address: string, at: number): string {
  const [high = 0, low = 0] = groupsOf(address).slice(at);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight groups of an IPv6 address, in whatever way it is written. */
function groupsOf(address: string): number[] {
  const [head = "", tail = ""] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const [front, back] = [head, tail].map((text) => text === "" ? [] : text.split(":"));
  const zeros = Array.from({ length: 8 - (front?.length ?? 0) - (back?.length ?? 0) }, () => "0");
  return [...front ?? [], ...zeros, ...back ?? []].map((group) => parseInt(group, 16));
}

/** By the C library, as fetch does it; Bun's other ways know other names. */
async function systemLookup(hostname: string): Promise<string[]> {
  return (await Bun.dns.lookup(hostname, { backend: "libc" })).map(({ address }) => address);
}

/** What may be done with a URL: whether it leads to somebody near, or to nobody that is known. */
export type Verdict = "allowed" | "near" | "unknown";

export class Reach {
  readonly #lookup: Lookup;
  readonly #nearRegistries = new Map<string, Promise<boolean>>();

  constructor(lookup: Lookup = systemLookup) {
    this.#lookup = lookup;
  }

  /**
   * Whether a registry may lead to `target`.
   *
   * Names are looked up, as fetch will again: one whose answer changes meanwhile still has to show a
   * certificate for its name before it is asked anything. Behind a proxy the proxy looks them up, and only
   * addresses can be judged.
   * @param isProxied whether a URL is reached through a proxy
   */
  async judge(origin: URL, target: URL, isProxied: (url: URL) => boolean): Promise<Verdict> {
    const known = this.#nearRegistries.get(origin.hostname) ?? this.#isNear(origin, isProxied);
    this.#nearRegistries.set(origin.hostname, known);
    if (await known) return "allowed";
    const addresses = await this.#addresses(target, isProxied);
    // What cannot be judged must not be tried: fetch knows names that a look-up does not.
    if (addresses === undefined) return "unknown";
    return addresses.some(isNearAddress) ? "near" : "allowed";
  }

  /** With one address out there a registry could be anybody's. */
  async #isNear(registry: URL, isProxied: (url: URL) => boolean): Promise<boolean> {
    const addresses = await this.#addresses(registry, isProxied) ?? [];
    return addresses.length > 0 && addresses.every(isNearAddress);
  }

  /** Undefined where there are none; empty where they are a proxy's business. */
  async #addresses(
    url: URL,
    isProxied: (url: URL) => boolean,
  ): Promise<readonly string[] | undefined> {
    const name = url.hostname.replace(/^\[|\]$|\.$/g, "");
    if (ipVersion(name) !== undefined) return [name];
    // Not a matter of name servers (RFC 6761, 6.3), and fetch does not ask them either.
    if (/(?:^|\.)localhost$/.test(name)) return ["127.0.0.1"];
    if (isProxied(url)) return [];
    const found = await this.#lookup(name).catch((): string[] => []);
    return found.length > 0 ? found : undefined;
  }
}
