/** Which proxy a request goes through, by the variables and rules that curl and docker share. */
import { TsboxError } from "../errors.ts";
import { isLoopback } from "./hosts.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for `url`, or false for none. Loopback never goes through one.
 * @throws TsboxError("invalid-argument") when the variable holds no usable URL
 */
export function proxyFor(url: URL, env: Environment): URL | false {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = env[name] || env[name.toLowerCase()];
  if (!value || isLoopback(url.hostname)) return false;
  if (isExcepted(url, env["NO_PROXY"] || env["no_proxy"] || "")) return false;
  const text = value.includes("://") ? value : `http://${value}`;
  if (URL.canParse(text)) {
    const proxy = new URL(text);
    if (proxy.protocol === "http:" || proxy.protocol === "https:") return proxy;
  }
  throw new TsboxError(
    "invalid-argument",
    `Cannot use the proxy of ${name}: it is not an http or https URL`,
    {
      hint: `set ${name} to http://host:port`,
    },
  );
}

function isExcepted(url: URL, exceptions: string): boolean {
  return exceptions.split(",").some((entry) => {
    const rule = entry.trim().toLowerCase();
    return rule !== "" && matches(rule, url);
  });
}

/** A rule is `*`, an address, a CIDR block, a name (its subdomains too), `.name`, each maybe with a port. */
function matches(rule: string, url: URL): boolean {
  if (rule === "*") return true;
  if (rule.includes("/")) return inBlock(rule, url.hostname);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const [, name = "", wantedPort] = /^(.*?)(?::(\d+))?$/.exec(rule) ?? [];
  const bare = isBareIpv6(rule) ? `[${rule}]` : name;
  if (wantedPort !== undefined && !isBareIpv6(rule) && wantedPort !== port) return false;
  const domain = bare.replace(/^\*?\./, "");
  const isSubdomain = url.hostname.endsWith(`.${domain}`);
  return isSubdomain || (url.hostname === domain && !/^\*?\./.test(bare));
}

function isBareIpv6(rule: string): boolean {
  return rule.split(":").length > 2 && !rule.startsWith("[");
}

/** IPv4 only: a name server is not asked, so that this is about addresses the user wrote. */
function inBlock(rule: string, hostname: string): boolean {
  const [network = "", length = ""] = rule.split("/");
  const [a, b] = [ipv4(network), ipv4(hostname)];
  const bits = /^\d{1,2}$/.test(length) ? Number(length) : 99;
  if (a === undefined || b === undefined || bits > 32) return false;
  const block = 2 ** (32 - bits);
  return Math.floor(a / block) === Math.floor(b / block);
}

function ipv4(text: string): number | undefined {
  const parts = /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) ? text.split(".").map(Number) : [];
  if (parts.length !== 4 || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
