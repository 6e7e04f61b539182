import { expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { defaultDevice, hostAddress } from "./host_address.ts";

const HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
const LOCAL = "br0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
const OUT = "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n";

test("the default route's device is found, other routes are none", () => {
  expect(defaultDevice(HEADER + LOCAL + OUT)).toBe("wlan0");
  expect(defaultDevice(HEADER + LOCAL)).toBeUndefined();
  expect(defaultDevice(HEADER)).toBeUndefined();
});

test("the address is one of this host's, and not its loopback's", () => {
  const address = hostAddress();
  const outer = Object.values(networkInterfaces()).flat().filter((i) => i && !i.internal);
  expect(outer.map((i) => i?.address)).toContain(address);
});
