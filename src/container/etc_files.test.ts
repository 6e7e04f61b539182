import { expect, test } from "bun:test";
import { type EtcContext, etcFiles } from "./etc_files.ts";
import type { RunOptions } from "./run_options.ts";

type Options = Pick<RunOptions, "network" | "dns" | "dnsSearch" | "dnsOptions" | "addHosts">;

const OPTIONS: Options = {
  network: "private",
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  addHosts: [],
};
const CONTEXT: EtcContext = {
  hostname: "web",
  hostHosts: "127.0.0.1 localhost\n10.0.0.1 machine",
  hostResolvConf: [
    "# made by hand",
    "nameserver 127.0.0.53",
    "nameserver 10.0.0.2",
    "domain old",
    "search a.example b.example",
    "options ndots:2 timeout:1",
    "sortlist 10.0.0.0",
  ].join("\n"),
};

const make = (options: Partial<Options> = {}, context: Partial<EtcContext> = {}) =>
  etcFiles({ ...OPTIONS, ...options }, { ...CONTEXT, ...context });

test("hostname is one line", () => {
  expect(make().hostname).toBe("web\n");
});

test("hosts has the local names of both families, added ones, then the container's own", () => {
  const addHosts = [{ name: "db", address: "10.1.1.1" }, {
    name: "up",
    address: "host-gateway",
  }];
  const lines = make({ addHosts }, { address: "10.0.2.100", gateway: "10.0.2.2" }).hosts.split(
    "\n",
  );
  expect(lines[0]).toBe("127.0.0.1\tlocalhost");
  expect(lines[1]).toBe("::1\tlocalhost ip6-localhost ip6-loopback");
  expect(lines.slice(6)).toEqual(["10.1.1.1\tdb", "10.0.2.2\tup", "10.0.2.100\tweb", ""]);
});

test("with the host's network hosts is the host's, with added names", () => {
  const addHosts = [{ name: "db", address: "::2" }];
  expect(make({ network: "host", addHosts }).hosts).toBe(
    "127.0.0.1 localhost\n10.0.0.1 machine\n::2\tdb\n",
  );
});

test("loopback name servers of the host are left out in a network of its own", () => {
  expect(make().resolvConf).toBe(
    "nameserver 10.0.0.2\nsearch a.example b.example\noptions ndots:2 timeout:1\n" +
      "sortlist 10.0.0.0\n",
  );
});

test("a forwarder stands for the host's loopback name servers", () => {
  const servers = (hostResolvConf: string, dnsForward: string) =>
    make({}, { hostResolvConf, dnsForward }).resolvConf;
  expect(servers(CONTEXT.hostResolvConf, "169.254.1.1")).toStartWith(
    "nameserver 169.254.1.1\nnameserver 10.0.0.2\n",
  );
  expect(servers("nameserver 10.0.0.2", "169.254.1.1")).toBe("nameserver 10.0.0.2\n");
  expect(servers("", "169.254.1.1")).toBe("nameserver 169.254.1.1\n");
});

test("without any reachable server docker's public ones are used", () => {
  const hostResolvConf = "nameserver ::1\nnameserver 127.0.0.1\n";
  expect(make({}, { hostResolvConf }).resolvConf).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
});

test("with the host's network the host's servers stay, loopback too", () => {
  expect(make({ network: "host" }).resolvConf).toStartWith("nameserver 127.0.0.53\n");
});

test("what the user says replaces the host's, each kind by itself", () => {
  const { resolvConf } = make({ dns: ["1.1.1.1"], dnsSearch: ["."], dnsOptions: ["rotate"] });
  expect(resolvConf).toBe("nameserver 1.1.1.1\noptions rotate\nsortlist 10.0.0.0\n");
  expect(make({ dnsSearch: ["x.example"] }).resolvConf).toContain("search x.example\n");
});

test("tabs, odd spaces and carriage returns do not matter", () => {
  const hostResolvConf = "\tnameserver \t fe80::1%eth0 # mine\r\nsearch  a.example\tb.example \r\n";
  expect(make({}, { hostResolvConf }).resolvConf).toBe(
    "nameserver fe80::1%eth0\nsearch a.example b.example\n",
  );
});
