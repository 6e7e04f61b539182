import { afterEach, expect, test } from "bun:test";
import type { PortMapping } from "../container/run_options.ts";
import { TsboxError } from "../errors.ts";
import { addressBytes, holdPorts } from "./ports.ts";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function mapping(part: Partial<PortMapping>): PortMapping {
  return { hostIp: "127.0.0.1", hostPort: 0, containerPort: 80, protocol: "tcp", ...part };
}

function hold(...mappings: PortMapping[]): readonly PortMapping[] {
  const held = holdPorts(mappings);
  cleanups.push(held.release);
  return held.ports;
}

function errorOf(...mappings: PortMapping[]): TsboxError {
  try {
    hold(...mappings);
  } catch (error) {
    if (error instanceof TsboxError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** A port that a server on the host has. */
function taken(protocol: "tcp" | "udp", hostname = "127.0.0.1"): number | Promise<number> {
  if (protocol === "tcp") {
    const server = Bun.serve({ hostname, port: 0, fetch: () => new Response("") });
    cleanups.push(() => server.stop(true));
    return server.port ?? 0;
  }
  return Bun.udpSocket({ hostname }).then((socket) => {
    cleanups.push(() => socket.close());
    return socket.port;
  });
}

for (const protocol of ["tcp", "udp"] as const) {
  test(`${protocol}: a port that is in use is named, with docker's words`, async () => {
    const hostPort = await taken(protocol);
    const error = errorOf(mapping({ hostPort, protocol }));
    expect(error.code).toBe("in-use");
    expect(error.message).toBe(
      `Bind for 127.0.0.1:${hostPort} failed: port is already allocated`,
    );
    // On all addresses it is in use as well.
    expect(errorOf(mapping({ hostIp: "", hostPort, protocol })).message).toBe(
      `Bind for 0.0.0.0:${hostPort} failed: port is already allocated`,
    );
  });

  test(`${protocol}: port 0 becomes a free one, a different one each time`, () => {
    const many = Array.from({ length: 20 }, () => mapping({ protocol, hostIp: "" }));
    const ports = hold(...many).map(({ hostPort }) => hostPort);
    expect(new Set(ports).size).toBe(20);
    expect(Math.min(...ports)).toBeGreaterThan(1023);
  });

  test(`${protocol}: a port asked for twice is refused, also by way of all addresses`, () => {
    const [first] = hold(mapping({ protocol }));
    for (const release of cleanups.splice(0)) release();
    const hostPort = first?.hostPort ?? 0;
    const again = mapping({ protocol, hostPort, containerPort: 81 });
    expect(errorOf(mapping({ protocol, hostPort }), again).code).toBe("in-use");
    expect(errorOf(mapping({ protocol, hostPort, hostIp: "" }), again).code).toBe("in-use");
  });
}

test("after an error nothing is held", () => {
  const [free] = hold(mapping({}));
  for (const release of cleanups.splice(0)) release();
  const hostPort = free?.hostPort ?? 0;
  errorOf(mapping({ hostPort }), mapping({ hostIp: "192.0.2.200", hostPort }));
  expect(hold(mapping({ hostPort }))).toHaveLength(1);
});

test("tcp and udp share a number, and so do two addresses", () => {
  const [tcp] = hold(mapping({}));
  const hostPort = tcp?.hostPort ?? 0;
  expect(hold(mapping({ hostPort, protocol: "udp" }), mapping({ hostPort, hostIp: "127.0.0.2" })))
    .toHaveLength(2);
});

test("an address that is not the host's is refused by name", () => {
  const error = errorOf(mapping({ hostIp: "192.0.2.200", hostPort: 18080 }));
  expect(error.message).toBe("Bind for 192.0.2.200:18080 failed: cannot assign requested address");
});

test("a port below 1024 names the setting that would allow it", () => {
  const error = errorOf(mapping({ hostIp: "", hostPort: 80 }));
  expect(error.message).toBe("Bind for 0.0.0.0:80 failed: permission denied");
  expect(error.hint).toContain("sysctl net.ipv4.ip_unprivileged_port_start=80");
});

test("literal addresses become bytes", () => {
  expect([...addressBytes("192.0.2.1")]).toEqual([192, 0, 2, 1]);
  expect([...addressBytes("::1")]).toEqual([...Array<number>(15).fill(0), 1]);
  expect([...addressBytes("fd00:1::2")].join()).toBe("253,0,0,1,0,0,0,0,0,0,0,0,0,0,0,2");
  expect([...addressBytes("::ffff:192.0.2.1")].slice(10).join()).toBe("255,255,192,0,2,1");
  expect([...addressBytes("1:2:3:4:5:6:7:8")].join()).toBe("0,1,0,2,0,3,0,4,0,5,0,6,0,7,0,8");
});
