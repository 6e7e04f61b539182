import { describe, expect, test } from "bun:test";
import { parseReference } from "../oci/reference.ts";
import { inBlock, isBlock } from "./address_block.ts";
import {
  isHostRule,
  isInsecureRule,
  isListedInsecure,
  isMirror,
  NO_POLICY,
  refuseBlocked,
} from "./policy.ts";
import { Sources } from "./sources.ts";

describe("a block of addresses", () => {
  test.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.1.2.3/32", "10.1.2.3", true],
    ["10.1.2.3/32", "10.1.2.2", false],
    ["0.0.0.0/0", "8.8.8.8", true],
    ["0.0.0.0/0", "[::1]", false],
    ["fd00::/8", "[fdab::1]", true],
    ["fd00::/8", "[fe00::1]", false],
    ["::ffff:10.0.0.0/104", "[::ffff:a01:203]", true],
    ["2001:db8::1/128", "[2001:db8:0:0:0:0:0:1]", true],
    ["::/0", "[2001:db8::1]", true],
    ["10.0.0.0/8", "10.registry.example", false],
  ])("%s has %s: %p", (block, host, isIn) => expect(inBlock(block, host)).toBe(isIn));

  test.each([
    "10.0.0.0/33",
    "10.0.0/8",
    "fd00::/129",
    "registry.lan/8",
    "10.0.0.0/",
    "10.0.0.0/8/8",
  ])(
    "%s is none",
    (text) => expect(isBlock(text)).toBe(false),
  );
});

test.each(["registry.lan", "registry.lan:5000", "10.1.2.3:80", "[::1]:5000", "[fd00::1]", "a"])(
  "%s is a host",
  (text) => expect([isHostRule(text), isInsecureRule(text)]).toEqual([true, true]),
);

test.each([
  "",
  "https://registry.lan",
  "registry.lan/path",
  "registry.lan:",
  "registry.lan:0",
  "registry.lan:99999",
  "user@registry.lan",
  "-registry.lan",
  "[zz]:1",
  "*.lan",
])("%j is no host", (text) => expect(isHostRule(text)).toBe(false));

test.each([
  ["https://mirror.lan", true],
  ["http://mirror.lan:5000/", true],
  ["https://mirror.lan/path", false],
  ["https://mirror.lan?x", false],
  ["https://mirror.lan/?", false],
  ["https://mirror.lan/#", false],
  ["https://user@mirror.lan", false],
  ["ftp://mirror.lan", false],
  ["mirror.lan", false],
  ["mirror.lan:5000", false],
])("%s is a mirror's URL: %p", (text, isOne) => expect(isMirror(text)).toBe(isOne));

test("insecure registries are meant with the port that was written, or the usual one", () => {
  const isInsecure = (rule: string, url: string) =>
    isListedInsecure({ ...NO_POLICY, insecure: [rule] }, new URL(url));
  expect(isInsecure("r.lan", "https://r.lan/v2/")).toBe(true);
  expect(isInsecure("r.lan:443", "https://r.lan/v2/")).toBe(true);
  expect(isInsecure("r.lan", "https://r.lan:5000/v2/")).toBe(false);
  expect(isInsecure("r.lan:5000", "https://r.lan:5000/v2/")).toBe(true);
  expect(isInsecure("10.0.0.0/8", "https://10.1.1.1:5000/v2/")).toBe(true);
  // Nobody's name server decides what is insecure.
  expect(isInsecure("127.0.0.0/8", "https://localhost.r.lan/v2/")).toBe(false);
});

test("a blocked registry is blocked by every name it has, and only with the port that was written", () => {
  const refusal = (rule: string, url: string) => () =>
    refuseBlocked({ ...NO_POLICY, blocked: [rule] }, new URL(url), "Cannot pull app");
  expect(refusal("docker.io", "https://registry-1.docker.io/v2/")).toThrow(
    "Cannot pull app: the registry docker.io is blocked",
  );
  expect(refusal("r.lan", "https://r.lan:5000/v2/")).toThrow("r.lan is blocked");
  expect(refusal("r.lan:5000", "http://r.lan:5000/v2/")).toThrow("r.lan:5000 is blocked");
  expect(refusal("r.lan:5000", "https://r.lan/v2/")).not.toThrow();
  expect(refusal("r.lan", "https://my.r.lan/v2/")).not.toThrow();
  expect(refusal("docker.io", "https://docker.io.evil/v2/")).not.toThrow();
});

test("mirrors are asked in order, before the registry, under their own name", () => {
  const mirrors = new Map([["docker.io", ["https://a.lan", "http://b.lan:5000"]]]);
  const sources = new Sources({ ...NO_POLICY, mirrors });
  const alpine = parseReference("alpine");
  const asked = () => sources.of(alpine).map((s) => s.base?.href ?? s.reference.registry);
  expect(asked()).toEqual(["https://a.lan/v2/", "http://b.lan:5000/v2/", "docker.io"]);
  const [first] = sources.of(alpine);
  expect([first?.reference.registry, first?.reference.familiar]).toEqual([
    "a.lan",
    "alpine:latest",
  ]);
  if (first) sources.leave(first);
  expect(asked()).toEqual(["http://b.lan:5000/v2/", "docker.io"]);
  expect(sources.of(parseReference("other"))).toHaveLength(3);
  expect(sources.of(parseReference("quay.io/app"))).toHaveLength(1);
  sources.leaveMirrors(alpine);
  expect([sources.isMirrored(alpine), asked()]).toEqual([false, ["docker.io"]]);
});
