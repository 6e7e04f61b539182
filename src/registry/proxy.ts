/** Which proxy a request goes through, by the variables and rules that curl and docker share. */
import { TsboxError } from "../errors.ts";
import { inBlock } from "./address_block.ts";
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
