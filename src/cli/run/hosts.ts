import { ipVersion } from "../../container/ip_address.ts";
import { HOST_LABEL } from "../../container/name_servers.ts";
import { TsboxError } from "../../errors.ts";

type Refuse = (reason: string) => Error;

/** Longest host name the kernel keeps (HOST_NAME_MAX). */
const HOST_NAME_MAX = 64;

/** `--add-host name:ip` or `name=ip`; `host-gateway` stays a word for the network to resolve. */
export function parseAddHost(
  spec: string,
  refuse: Refuse,
): { name: string; address: string } {
  const at = spec.includes("=") ? spec.indexOf("=") : spec.indexOf(":");
  const name = spec.slice(0, Math.max(at, 0));
  const address = spec.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (at < 0 || name === "" || /\s/.test(name)) throw refuse(`bad format for add-host: "${spec}"`);
  if (address !== "host-gateway" && ipVersion(address) === undefined) {
    throw refuse(`invalid IP address in add-host: "${spec.slice(at + 1)}"`);
  }
  return { name, address };
}

/** `--hostname`, by RFC 1123. */
export function parseHostname(text: string): string {
  const valid = text.length <= HOST_NAME_MAX &&
    text.split(".").every((label) => HOST_LABEL.test(label));
  if (!valid) throw new TsboxError("invalid-argument", `invalid hostname format: ${text}`);
  return text;
}

const FIRST = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const OTHERS = `${FIRST}_.-`;

/** No regular expression: the first of each costs every start as much as ten of these loops. */
function isName(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (!(i === 0 ? FIRST : OTHERS).includes(text.charAt(i))) return false;
  }
  return text.length > 1;
}

/** `--name`. */
export function parseName(text: string): string {
  const name = text.startsWith("/") ? text.slice(1) : text;
  if (!isName(name)) {
    throw new TsboxError(
      "invalid-argument",
      `Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }
  return name;
}
