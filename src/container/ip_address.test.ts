import { expect, test } from "bun:test";
import { ipVersion } from "./ip_address.ts";

test("literal addresses are told apart by version", () => {
  for (const text of ["0.0.0.0", "10.0.2.100", "255.255.255.255"]) expect(ipVersion(text)).toBe(4);
  for (const text of ["::", "::1", "fe80::1", "2001:db8::a:b", "::ffff:10.0.0.1"]) {
    expect(ipVersion(text)).toBe(6);
  }
});

test("names, ports, zones, octal and broken numbers are no addresses", () => {
  const wrong = ["", "host", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1:2", ":::", "[::1]"];
  for (const text of [...wrong, "fe80::1%eth0", "::1]/x", "1.2.3.4:80"]) {
    expect([text, ipVersion(text)]).toEqual([text, undefined]);
  }
});
