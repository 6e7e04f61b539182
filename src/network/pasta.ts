/**
 * pasta(1): sockets of the host in place of packets, no privilege needed.
 *
 * Only options that the first packaged version (Debian 12, March 2023) knows as well.
 */
import type { PortMapping } from "../container/run_options.ts";
import type { HelperCommand } from "./helper.ts";
import type { NetworkPlan } from "./plan.ts";
import { SUBNET6 } from "./subnet.ts";

function portOption({ protocol, hostIp, hostPort, containerPort }: PortMapping): string[] {
  const where = hostIp === "" ? "" : `${hostIp}/`;
  return [protocol === "tcp" ? "-t" : "-u", `${where}${hostPort}:${containerPort}`];
}

function portOptions(ports: readonly PortMapping[]): string[] {
  // Without a word about a protocol pasta would forward every port that something listens on.
  const silent = (["tcp", "udp"] as const).filter((p) => !ports.some((m) => m.protocol === p));
  return [
    ...ports.flatMap(portOption),
    ...silent.flatMap((protocol) => [protocol === "tcp" ? "-t" : "-u", "none"]),
  ];
}

/** The command that connects the network namespace of a process. */
export function pastaCommand(plan: NetworkPlan, pid: number): HelperCommand {
  const { subnet } = plan;
  // Not to look for IPv6 where there is none halves the start.
  const sixth = plan.ipv6 ? ["-a", SUBNET6.address, "-g", SUBNET6.gateway] : ["-4"];
  return {
    path: plan.tool.path,
    readyOn: 1,
    args: [
      "pasta",
      "--foreground",
      "--quiet",
      "--config-net",
      "--ns-ifname",
      "eth0",
      ...["-a", subnet.address, "-n", "24", "-g", subnet.gateway],
      ...sixth,
      ...["--dns-forward", subnet.dns],
      // The host's loopback stays the host's: not behind the router's address, not by equal port numbers.
      "--no-map-gw",
      ...["-T", "none", "-U", "none"],
      ...portOptions(plan.ports),
      ...["--userns", `/proc/${pid}/ns/user`, "--netns", `/proc/${pid}/ns/net`],
      // Written when everything is set up; opened anew by this name it is the same pipe.
      ...["--pid", "/dev/stdout"],
    ],
  };
}
