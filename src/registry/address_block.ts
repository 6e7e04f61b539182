/** Blocks of IP addresses in CIDR notation (RFC 4632, RFC 4291). Pure; no name server is ever asked. */
import { ipVersion } from "../container/ip_address.ts";

/** Whether `text` is a block: an address, a slash and how many bits count. */
export function isBlock(text: string): boolean {
  return parseBlock(text) !== undefined;
}

/**
 * Whether a host is an address of the block; a name never is.
 * @param hostname of a parsed URL: IPv6 in brackets
 */
export function inBlock(block: string, hostname: string): boolean {
  const parsed = parseBlock(block);
  const address = addressOf(hostname.replace(/^\[|\]$/g, ""));
  if (parsed === undefined || address?.width !== parsed.width) return false;
  return address.value >> parsed.rest === parsed.value >> parsed.rest;
}

interface Address {
  value: bigint;
  /** Bits of an address of this version. */
  width: 32 | 128;
}

function parseBlock(text: string): (Address & { rest: bigint }) | undefined {
  const [, network = "", length = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = addressOf(network);
  if (address === undefined || length === "" || Number(length) > address.width) return undefined;
  return { ...address, rest: BigInt(address.width - Number(length)) };
}

function addressOf(text: string): Address | undefined {
  const version = ipVersion(text);
  if (version === undefined) return undefined;
  if (version === 4) return { value: joined(text.split(".").map(Number), 8n), width: 32 };
  // The URL parser writes every spelling, also a dotted end, as groups of hexadecimal digits.
  const [head = "", tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split("::");
  const [front, back] = [groups(head), groups(tail ?? "")];
  const zeros = new Array<number>(8 - front.length - back.length).fill(0);
  return { value: joined([...front, ...zeros, ...back], 16n), width: 128 };
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
}

function joined(parts: readonly number[], bits: bigint): bigint {
  return parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n);
}
