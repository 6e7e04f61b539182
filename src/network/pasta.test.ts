import { expect, test } from "bun:test";
import { pastaCommand } from "./pasta.ts";
import type { NetworkPlan } from "./plan.ts";
import { chooseSubnet } from "./subnet.ts";

const plan: NetworkPlan = {
  tool: { name: "pasta", path: "/usr/bin/pasta" },
  subnet: chooseSubnet(""),
  ipv6: false,
  ports: [],
  held: { ports: [], release: () => {} },
};

function command(part: Partial<NetworkPlan>): string {
  return pastaCommand({ ...plan, ...part }, 42).args.join(" ");
}

test("nothing of the host's loopback is shown, and nothing is forwarded that was not asked for", () => {
  const args = command({});
  expect(args).toContain("--no-map-gw -T none -U none -t none -u none");
  expect(args).toContain("--userns /proc/42/ns/user --netns /proc/42/ns/net");
});

test("each mapping becomes an option; a protocol without one is switched off", () => {
  const tcp = { hostIp: "", hostPort: 8080, containerPort: 80, protocol: "tcp" } as const;
  expect(command({ ports: [tcp] })).toContain("-t 8080:80 -u none");
  const udp = { hostIp: "::1", hostPort: 53, containerPort: 5353, protocol: "udp" } as const;
  expect(command({ ports: [udp, tcp] })).toContain("-u ::1/53:5353 -t 8080:80");
});

test("IPv6 has addresses of its own where the host has it, and is switched off else", () => {
  expect(command({ ipv6: true })).toContain("-a fd74:7362:6f78::100 -g fd74:7362:6f78::2");
  expect(command({})).toContain(" -4 ");
  expect(command({ ipv6: true })).not.toContain(" -4 ");
});
