import { expect, test } from "bun:test";
import { chooseSubnet, hasRoute6 } from "./subnet.ts";

const HEADER =
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

/** A line of /proc/net/route: addresses are little endian. */
function route(network: string, mask: string): string {
  const hex = (ip: string) =>
    ip.split(".").reverse().map((byte) => Number(byte).toString(16).padStart(2, "0")).join("")
      .toUpperCase();
  return `eth0\t${hex(network)}\t00000000\t0001\t0\t0\t0\t${hex(mask)}\t0\t0\t0\n`;
}

test("the usual host gets the first subnet, its default route does not count", () => {
  const text = HEADER + route("0.0.0.0", "0.0.0.0") + route("192.168.1.0", "255.255.255.0");
  expect(chooseSubnet(text)).toEqual({
    cidr: "10.201.0.0/24",
    address: "10.201.0.100",
    gateway: "10.201.0.2",
    dns: "10.201.0.3",
  });
  expect(chooseSubnet("").cidr).toBe("10.201.0.0/24");
});

test("a network of the host that overlaps, wider or narrower, is avoided", () => {
  const wide = HEADER + route("10.0.0.0", "255.0.0.0");
  expect(chooseSubnet(wide).cidr).toBe("172.29.201.0/24");
  const narrow = HEADER + route("10.201.0.64", "255.255.255.192");
  expect(chooseSubnet(narrow).cidr).toBe("172.29.201.0/24");
  const both = wide + route("172.16.0.0", "255.240.0.0");
  expect(chooseSubnet(both).cidr).toBe("192.168.201.0/24");
});

test("the host has IPv6 when it has a default route that leads out", () => {
  const zero = "0".repeat(32);
  const unreachable =
    `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo\n`;
  const out = `${zero} 00 ${zero} 00 fd00${"0".repeat(28)} 00000400 1 0 00000003     eth0\n`;
  expect(hasRoute6(unreachable)).toBe(false);
  expect(hasRoute6(unreachable + out)).toBe(true);
});
