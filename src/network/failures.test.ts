import { expect, test } from "bun:test";
import { explainHelper, isOffline } from "./failures.ts";

test("a host without a route is recognized by what pasta says", () => {
  const said = "Failed to send 46 bytes to syslog\nNo external routable interface for IPv4\n" +
    "No external routable interface for IPv6\nExternal interface not usable\n";
  expect(isOffline(said)).toBe(true);
  expect(isOffline("No external routable interface for IPv6\nFailed to bind any port\n")).toBe(
    false,
  );
});

test("an error repeats the program's last words without the logger's noise", () => {
  const error = explainHelper("pasta", "Couldn't do it\nFailed to send 46 bytes to syslog\n");
  expect(error.message).toBe(
    "Cannot connect the container to the network: pasta failed (Couldn't do it)",
  );
});

test("a missing tun device names what brings it back", () => {
  const error = explainHelper(
    "pasta",
    "Failed to open() /dev/net/tun: No such file or directory\n",
  );
  expect(error.code).toBe("host");
  expect(error.hint).toContain("modprobe tun");
});
