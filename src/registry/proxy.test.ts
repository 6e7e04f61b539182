import { expect, test } from "bun:test";
import { proxyFor } from "./proxy.ts";
import { parseRetryAfter } from "./retry.ts";

const proxyOf = (url: string, env: Record<string, string>) => {
  const proxy = proxyFor(new URL(url), env);
  return proxy && proxy.href;
};
const BOTH = { HTTP_PROXY: "http://plain:3128", https_proxy: "secure:3129" };

test("the proxy is chosen by protocol, in either spelling", () => {
  expect(proxyOf("http://r.example/", BOTH)).toBe("http://plain:3128/");
  expect(proxyOf("https://r.example/", BOTH)).toBe("http://secure:3129/");
  expect(proxyOf("https://r.example/", {})).toBe(false);
});

test.each(["http://localhost:5000/", "http://127.0.0.9/", "https://[::1]:5000/"])(
  "%s is never reached through a proxy",
  (url) => expect(proxyOf(url, BOTH)).toBe(false),
);

test.each([
  ["*", true],
  ["example.org", true],
  [".example.org", true],
  ["*.example.org", true],
  ["registry.example.org", true],
  [".registry.example.org", false],
  ["registry.example.org:5000", true],
  ["registry.example.org:5001", false],
  ["ample.org", false],
  ["other, ,REGISTRY.example.org ", true],
  ["", false],
])("NO_PROXY=%j excepts registry.example.org:5000: %p", (NO_PROXY, excepted) => {
  const proxy = proxyOf("https://registry.example.org:5000/", { ...BOTH, NO_PROXY });
  expect(proxy === false).toBe(excepted);
});

test.each([
  ["10.0.0.0/8", true],
  ["10.1.2.0/23", true],
  ["10.1.4.0/24", false],
  ["0.0.0.0/0", true],
  ["10.1.2.0/33", false],
  ["10.1.3.4", true],
])("NO_PROXY=%s excepts 10.1.3.4: %p", (NO_PROXY, excepted) => {
  expect(proxyOf("https://10.1.3.4/", { ...BOTH, NO_PROXY }) === false).toBe(excepted);
});

test("NO_PROXY takes blocks of IPv6 addresses, too", () => {
  const env = { ...BOTH, NO_PROXY: "fd00::/8" };
  expect(proxyOf("https://[fd12::1]/", env)).toBe(false);
  expect(proxyOf("https://[fe80::1]/", env)).toBe("http://secure:3129/");
});

test("a proxy we cannot speak to is refused by name", () => {
  expect(() => proxyOf("https://r.example/", { HTTPS_PROXY: "socks5://x:1" })).toThrow(
    "HTTPS_PROXY",
  );
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2024-01-01T00:00:00Z");
  expect(parseRetryAfter("5", now)).toBe(5000);
  expect(parseRetryAfter("Mon, 01 Jan 2024 00:00:10 GMT", now)).toBe(10_000);
  expect(parseRetryAfter("Sun, 31 Dec 2023 00:00:00 GMT", now)).toBe(0);
  expect(parseRetryAfter("soon", now)).toBeUndefined();
  expect(parseRetryAfter("-5", now) ?? 0).toBe(0);
  expect(parseRetryAfter(null, now)).toBeUndefined();
});
