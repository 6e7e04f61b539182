/** Words of resolv.conf as docker checks them; `refuse` makes the error. Pure. */
import { ipVersion } from "./ip_address.ts";

type Refuse = (reason: string) => Error;

/** One part of a host name (RFC 1123). */
export const HOST_LABEL = /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;

/** `--dns`. */
export function parseDns(text: string, refuse: Refuse): string {
  const address = text.trim();
  if (ipVersion(address) === undefined) {
    throw refuse(`IP address is not correctly formatted: ${text}`);
  }
  return address;
}

/** `--dns-search`; `.` means none. */
export function parseDnsSearch(text: string, refuse: Refuse): string {
  const domain = text.trim();
  if (domain === ".") return domain;
  const labels = domain.replace(/\.$/, "").split(".");
  const valid = /[a-zA-Z]/.test(domain) && domain.length <= 255 &&
    labels.every((label) => HOST_LABEL.test(label));
  if (!valid) throw refuse(`${text} is not a valid domain`);
  return domain;
}

/** `--dns-option`: a word of resolv.conf's `options` line. */
export function parseDnsOption(text: string, refuse: Refuse): string {
  if (!/^[\x21-\x7e]+$/.test(text)) throw refuse("DNS option must be one word");
  return text;
}
