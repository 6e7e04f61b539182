/** The host as its containers see it. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/** The device of the IPv4 default route in the text of /proc/net/route. */
export function defaultDevice(routes: string): string | undefined {
  const fields = routes.split("\n").slice(1).map((line) => line.trim().split(/\s+/));
  return fields.find(([, network, , , , , , mask]) => /^0+$/.test(`${network}${mask}`))?.[0];
}

/**
 * The host's own address on the network it reaches the world by: what `host-gateway` of `--add-host`
 * means in a private network, where the router's address is nobody's. Undefined on an offline host.
 */
export function hostAddress(): string | undefined {
  const device = defaultDevice(readFileSync("/proc/net/route", "utf8"));
  const addresses = device === undefined ? [] : networkInterfaces()[device] ?? [];
  return addresses.find(({ family }) => family === "IPv4")?.address;
}
