import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { isNearAddress, Reach, type Verdict } from "./reach.ts";

test("near are this machine, private networks and what embeds one of them", () => {
  const near = [
    "0.0.0.0 10.1.2.3 100.64.0.1 127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1",
    "192.0.0.8 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 fc00::1 fd12::1 fe80::1 febf::1 ff02::1",
    "::ffff:127.0.0.1 ::ffff:a00:1 ::10.0.0.1 64:ff9b::10.0.0.1 2002:a00:1::1 2002:7f00:1::",
    "0:0:0:0:0:0:0:1",
  ].join(" ").split(" ");
  expect(near.filter((address) => !isNearAddress(address))).toEqual([]);
  const far = [
    "1.1.1.1 9.255.255.255 11.0.0.1 100.128.0.1 126.0.0.1 128.0.0.1 169.253.0.1 172.15.0.1",
    "172.32.0.1 192.167.0.1 192.169.0.1 223.255.255.255 2606:4700::1111 2001:db8::1",
    "::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::1",
  ].join(" ").split(" ");
  expect(far.filter((address) => isNearAddress(address))).toEqual([]);
});

/** The outside world's name servers, which we cannot own. */
const NAMES: Record<string, string[]> = {
  "registry.test": ["1.2.3.4", "2606:4700::1"],
  "cdn.test": ["1.2.3.5"],
  "trap.test": ["1.2.3.4", "10.0.0.1"],
  "lan.test": ["10.0.0.2", "fd00::2"],
  "half.test": ["10.0.0.2", "1.2.3.4"],
};

const CASES: [registry: string, target: string, verdict: Verdict][] = [
  ["registry.test", "cdn.test", "allowed"],
  ["registry.test", "1.2.3.9", "allowed"],
  ["registry.test", "[2606:4700::2]", "allowed"],
  ["registry.test", "nowhere.test", "unknown"],
  ["registry.test", "lan.test", "near"],
  ["registry.test", "trap.test", "near"],
  ["registry.test", "localhost", "near"],
  ["registry.test", "localhost.", "near"],
  ["registry.test", "a.localhost", "near"],
  ["registry.test", "127.0.0.1.", "near"],
  ["registry.test", "127.0.0.1", "near"],
  ["registry.test", "2130706433", "near"],
  ["registry.test", "169.254.169.254", "near"],
  ["registry.test", "[::ffff:10.0.0.1]", "near"],
  ["1.2.3.4", "10.0.0.1", "near"],
  ["nowhere.test", "10.0.0.1", "near"],
  // Part of it is out there: it could be anybody's.
  ["half.test", "10.0.0.1", "near"],
  ["lan.test", "10.0.0.1", "allowed"],
  ["lan.test", "cdn.test", "allowed"],
  ["10.0.0.9", "lan.test", "allowed"],
  ["localhost", "lan.test", "allowed"],
];

for (const [registry, target, verdict] of CASES) {
  test(`${registry} leads to ${target}: ${verdict}`, async () => {
    const reach = new Reach((name) => Promise.resolve(NAMES[name] ?? []));
    const urls = [new URL(`https://${registry}/v2/`), new URL(`https://${target}/x`)] as const;
    expect(await reach.judge(...urls, () => false)).toBe(verdict);
  });
}

/** A name that the hosts file of this machine gives a loopback address, beside localhost itself. */
const ownName = readFileSync("/etc/hosts", "utf8").split("\n")
  .map((line) => /^127\.[\d.]+\s+([\w-]+)\s*$/.exec(line)?.[1] ?? "")
  .find((name) => name !== "" && !name.endsWith("localhost"));
const far = new URL("https://1.2.3.4/");
const judgement = (host: string) =>
  new Reach().judge(far, new URL(`https://${host}/`), () => false);

// Not every machine has a name of its own there.
test.skipIf(ownName === undefined)("the system's name service is asked for names", async () => {
  expect(await judgement(ownName ?? "")).toBe("near");
});

test("a name that the system does not know is not tried", async () => {
  expect(await judgement("name.invalid")).toBe("unknown");
});

test("behind a proxy names are the proxy's, addresses are judged all the same", async () => {
  const reach = new Reach(() => Promise.reject(new Error("nobody here knows")));
  const registry = new URL("https://registry.test/");
  const to = (host: string) => reach.judge(registry, new URL(`https://${host}/`), () => true);
  expect(await to("lan.test")).toBe("allowed");
  expect(await to("10.0.0.1")).toBe("near");
  expect(await to("localhost")).toBe("near");
});
