/** What the user has decided about registries, as values: who may be spoken to, how, and in whose place. */
import { TsboxError } from "../errors.ts";
import { inBlock, isBlock } from "./address_block.ts";
import { hostNames } from "./hosts.ts";

/** Checked by {@link isMirror} and {@link isHostRule}; names of hosts in lower case. */
export interface RegistryPolicy {
  /** Registry, as in a reference, to the URLs that are asked before it, in order. */
  mirrors: ReadonlyMap<string, readonly string[]>;
  /** `host`, `host:port` or blocks of addresses: plain HTTP and unverified TLS are allowed. */
  insecure: readonly string[];
  /** `host` (any port) or `host:port`: never spoken to. */
  blocked: readonly string[];
}

export const NO_POLICY: RegistryPolicy = { mirrors: new Map(), insecure: [], blocked: [] };

const DOCKER_HUB = /^(?:registry-1|index)\.docker\.io(?=$|:)/;

/** Docker's rule: http or https, host and perhaps port, nothing else. */
export function isMirror(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const { protocol, username, password, pathname, search, hash } = url;
  return /^https?:$/.test(protocol) && username + password + search + hash === "" &&
    pathname === "/" && !/[?#]/.test(text);
}

/** `host`, `host:port` or `[IPv6]:port`. */
export function isHostRule(text: string): boolean {
  if (!/^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$/.test(text)) {
    return false;
  }
  return URL.canParse(`http://${text}/`);
}

/** A host rule or a block of addresses. */
export function isInsecureRule(text: string): boolean {
  return isBlock(text) || isHostRule(text);
}

/** Whether plain HTTP and unverified TLS were allowed for the host of a URL. */
export function isListedInsecure(policy: RegistryPolicy, url: URL): boolean {
  const names = hostNames(url);
  return policy.insecure.some((rule) => names.includes(rule) || inBlock(rule, url.hostname));
}

/**
 * Refuses a host the user does not want to be spoken to, by each of its names.
 * @param what was to be done, to begin the message with: `Cannot pull alpine`
 * @throws TsboxError("unavailable")
 */
export function refuseBlocked(policy: RegistryPolicy, url: URL, what: string): void {
  const names = [url.hostname, ...hostNames(url)];
  // The registry docker.io is spoken to under another name.
  const all = [...names, ...names.map((name) => name.replace(DOCKER_HUB, "docker.io"))];
  const rule = policy.blocked.find((rule) => all.includes(rule));
  if (rule === undefined) return;
  throw new TsboxError("unavailable", `${what}: the registry ${rule} is blocked`, {
    hint: "the settings say so; 'tsbox info' shows them",
  });
}
