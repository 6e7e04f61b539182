/** What is decided about a private network before the container exists. */
import { readFileSync } from "node:fs";
import { TsboxError } from "../errors.ts";
import type { PortMapping } from "../container/run_options.ts";
import { endpointText, type HeldPorts, holdPorts } from "./ports.ts";
import { chooseSubnet, hasRoute6, type Subnet } from "./subnet.ts";
import { type NetworkTool, networkTool } from "./tools.ts";

/** What the user and the host say. */
export interface NetworkRequest {
  publish: readonly PortMapping[];
  /** The caller's PATH. */
  searchPath: string | undefined;
}

/** What is decided before the container exists. */
export interface NetworkPlan {
  tool: NetworkTool;
  subnet: Subnet;
  /** Whether the container gets an IPv6 address as well. */
  ipv6: boolean;
  /** As published: no host port is 0. */
  ports: readonly PortMapping[];
  held: HeldPorts;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** @throws TsboxError "unsupported" for a port on an IPv6 address of the host */
export function checkSlirpPorts(ports: readonly PortMapping[]): void {
  const sixth = ports.find(({ hostIp }) => hostIp.includes(":"));
  if (sixth === undefined) return;
  const where = endpointText(sixth.hostIp, sixth.hostPort);
  throw new TsboxError("unsupported", `Cannot publish ${where}: slirp4netns knows only IPv4`, {
    hint: "ask an administrator to run 'apt install passt'",
  });
}

/**
 * Chooses program, addresses and host ports; the ports are held until startNetwork (private_network.ts), or
 * {@link releasePlan}. For hosts: `plan.subnet.address`; for resolv.conf: `plan.subnet.dns` reaches the
 * host's own resolver, wherever that listens.
 * @throws TsboxError "host" when there is no program, "in-use" when a port is taken
 */
export function planNetwork({ publish, searchPath }: NetworkRequest): NetworkPlan {
  const tool = networkTool(searchPath);
  if (tool.name === "slirp4netns") checkSlirpPorts(publish);
  const held = holdPorts(publish);
  return {
    tool,
    subnet: chooseSubnet(textOf("/proc/net/route")),
    ipv6: tool.name === "pasta" && hasRoute6(textOf("/proc/net/ipv6_route")),
    ports: held.ports,
    held,
  };
}

/** Gives up a plan that will not be started. */
export function releasePlan(plan: NetworkPlan): void {
  plan.held.release();
}
