/** Names and URLs of registries. */
import { TsboxError } from "../errors.ts";

/**
 * This machine, by name or address. Nothing is looked up: a name server must not decide it.
 * @param hostname of a parsed URL, which has only one spelling of an address
 */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** `host` and `host:port` of a URL: users write the default port or leave it out. */
export function hostNames(url: URL): string[] {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return [url.host, `${url.hostname}:${port}`];
}

/**
 * Where a registry's API is; docker.io has a name of its own for it.
 * @throws TsboxError("invalid-argument") for what the reference grammar allows but no URL does: port 99999
 */
export function registryUrl(registry: string, protocol: "https" | "http" = "https"): URL {
  const text = `${protocol}://${registry === "docker.io" ? "registry-1.docker.io" : registry}/v2/`;
  if (URL.canParse(text)) return new URL(text);
  throw new TsboxError("invalid-argument", `invalid reference format: "${registry}" is no host`);
}
