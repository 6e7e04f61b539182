/** Contents of the three files of /etc that a container gets from us. */
import type { RunOptions } from "./run_options.ts";

/** What the files depend on beside the options. */
export interface EtcContext {
  hostname: string;
  /** The host's own files; empty text where it has none. */
  hostHosts: string;
  hostResolvConf: string;
  /** The container's address in a network of its own, when known. */
  address?: string;
  /** Where `host-gateway` of `--add-host` leads: the host as seen from the container. */
  gateway?: string;
  /** Address at which the network program answers DNS for the host's resolver (pasta, slirp4netns). */
  dnsForward?: string;
}

/** File contents by name. */
export interface EtcFiles {
  hosts: string;
  hostname: string;
  resolvConf: string;
}

type EtcOptions = Pick<
  RunOptions,
  "network" | "dns" | "dnsSearch" | "dnsOptions" | "addHosts"
>;

/** The files as docker makes them. */
export function etcFiles(options: EtcOptions, context: EtcContext): EtcFiles {
  return {
    hosts: hostsFile(options, context),
    hostname: `${context.hostname}\n`,
    resolvConf: resolvConf(options, context),
  };
}

const LOCAL_HOSTS = "127.0.0.1\tlocalhost\n" +
  "::1\tlocalhost ip6-localhost ip6-loopback\n" +
  "fe00::\tip6-localnet\n" +
  "ff00::\tip6-mcastprefix\n" +
  "ff02::1\tip6-allnodes\n" +
  "ff02::2\tip6-allrouters\n";

/** With the host's network the host's names hold; else the usual local ones and our own. */
function hostsFile({ network, addHosts }: EtcOptions, context: EtcContext): string {
  let text = network === "host" ? withNewline(context.hostHosts) : LOCAL_HOSTS;
  for (const { name, address } of addHosts) {
    const known = address === "host-gateway" ? context.gateway : address;
    if (known !== undefined) text += line(known, name);
  }
  const own = network === "host" ? undefined : context.address;
  return own === undefined ? text : text + line(own, context.hostname);
}

function line(address: string, names: string): string {
  return `${address}\t${names}\n`;
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** resolv.conf(5) as far as it matters here. */
interface Resolver {
  nameservers: string[];
  search: string[];
  options: string[];
  /** Lines of other keywords. */
  others: string[];
}

/** What docker falls back to when the host's servers cannot be reached from the container. */
const PUBLIC_SERVERS = ["8.8.8.8", "8.8.4.4"];

function resolvConf(options: EtcOptions, context: EtcContext): string {
  const host = parseResolvConf(context.hostResolvConf);
  const nameservers = options.dns.length > 0
    ? options.dns
    : options.network === "host"
    ? host.nameservers
    : reachable(host.nameservers, context.dnsForward);
  const search = options.dnsSearch.length > 0
    ? options.dnsSearch.filter((domain) => domain !== ".")
    : host.search;
  const words = options.dnsOptions.length > 0 ? options.dnsOptions : host.options;
  let text = "";
  for (const server of nameservers) text += `nameserver ${server}\n`;
  if (search.length > 0) text += `search ${search.join(" ")}\n`;
  if (words.length > 0) text += `options ${words.join(" ")}\n`;
  for (const other of host.others) text += `${other}\n`;
  return text;
}

/**
 * Loopback servers are the host's, which a network of its own cannot reach: the forwarder takes the
 * place of the first of them.
 */
function reachable(servers: readonly string[], forward: string | undefined): string[] {
  const kept: string[] = [];
  for (const server of servers) if (!isLoopback(server)) kept.push(server);
  if (forward !== undefined && kept.length < servers.length) return [forward, ...kept];
  if (kept.length > 0) return kept;
  return forward === undefined ? PUBLIC_SERVERS : [forward];
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function parseResolvConf(text: string): Resolver {
  const resolver: Resolver = { nameservers: [], search: [], options: [], others: [] };
  for (const line of text.split("\n")) {
    const values = words(line);
    const keyword = values.shift() ?? "";
    if (keyword === "nameserver") {
      resolver.nameservers = [...resolver.nameservers, ...values.slice(0, 1)];
    } else if (keyword === "search" || keyword === "domain") {
      // The last one counts.
      resolver.search = values;
    } else if (keyword === "options") {
      resolver.options = [...resolver.options, ...values];
    } else if (keyword !== "" && !keyword.startsWith("#") && !keyword.startsWith(";")) {
      resolver.others.push(line.trim());
    }
  }
  return resolver;
}

function words(line: string): string[] {
  const found: string[] = [];
  for (const part of line.replaceAll("\t", " ").split(" ")) {
    const word = part.trim();
    if (word !== "") found.push(word);
  }
  return found;
}
