import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { type WaitingProcess, waitingProcess } from "../../tests/programs/waiting_process.ts";
import type { PortMapping } from "../container/run_options.ts";
import { planNetwork, releasePlan } from "./plan.ts";
import { type NetworkConnection, startNetwork } from "./private_network.ts";
import { networkTools } from "./tools.ts";

const ADDRESS = Object.values(networkInterfaces()).flat()
  .find((i) => i !== undefined && !i.internal && i.family === "IPv4")?.address ?? "";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function mapping(part: Partial<PortMapping>): PortMapping {
  return { hostIp: "", hostPort: 0, containerPort: 80, protocol: "tcp", ...part };
}

interface Connected {
  waiting: WaitingProcess;
  network: NetworkConnection;
  ports: readonly PortMapping[];
  dns: string;
  warning: string | undefined;
}

async function connect(tool: string, publish: readonly PortMapping[] = []): Promise<Connected> {
  const waiting = waitingProcess();
  cleanups.push(() => waiting.end());
  const found = networkTools(undefined).find(({ name }) => name === tool);
  const plan = planNetwork({ publish, searchPath: undefined });
  const runtimeDir = mkdtempSync(join(tmpdir(), "tsbox-network-"));
  cleanups.push(() => rmSync(runtimeDir, { recursive: true }));
  if (found === undefined) throw new Error(`${tool} is not installed: run the set-up`);
  const network = startNetwork({ ...plan, tool: found }, waiting.pid, runtimeDir);
  cleanups.push(() => network.stop());
  const warning = await network.ready();
  expect(readdirSync(runtimeDir)).toEqual([]);
  return { waiting, network, ports: plan.ports, dns: plan.subnet.dns, warning };
}

async function output(process: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<string> {
  const [out, err] = await Promise.all([
    new Response(process.stdout).text(),
    new Response(process.stderr).text(),
  ]);
  return out + err;
}

/** A server on the host that says hello, at an address. */
function serve(hostname: string): number {
  const server = Bun.serve({ hostname, port: 0, fetch: () => new Response("hello from the host") });
  cleanups.push(() => server.stop(true));
  return server.port ?? 0;
}

/** Asks until somebody answers: the server inside needs a moment. */
async function ask(url: string): Promise<string> {
  for (let i = 0; i < 100; i++) {
    const answer = await fetch(url).then((r) => r.text()).catch(() => undefined);
    if (answer !== undefined) return answer;
    await Bun.sleep(20);
  }
  return "no answer";
}

const WEB = "busybox httpd -f -p PORT -h /etc";

for (const tool of ["pasta", "slirp4netns"]) {
  test(`${tool}: a published port on all addresses leads to the container`, async () => {
    const { waiting, ports } = await connect(tool, [mapping({ containerPort: 8000 })]);
    waiting.enter(WEB.replace("PORT", "8000"));
    const port = ports[0]?.hostPort ?? 0;
    expect(port).toBeGreaterThan(1023);
    expect(await ask(`http://127.0.0.1:${port}/hostname`)).not.toBe("no answer");
    expect(await ask(`http://${ADDRESS}:${port}/hostname`)).not.toBe("no answer");
  });

  test(`${tool}: a port published on one address is not open on another`, async () => {
    const publish = [mapping({ hostIp: "127.0.0.1", containerPort: 8000 })];
    const { waiting, ports } = await connect(tool, publish);
    waiting.enter(WEB.replace("PORT", "8000"));
    const port = ports[0]?.hostPort ?? 0;
    expect(await ask(`http://127.0.0.1:${port}/hostname`)).not.toBe("no answer");
    expect(await fetch(`http://${ADDRESS}:${port}/`).catch(() => "refused")).toBe("refused");
  });

  test(`${tool}: udp is published, beside tcp on the same number`, async () => {
    const udp = mapping({ containerPort: 9000, protocol: "udp" });
    const { waiting, ports } = await connect(tool, [udp, mapping({ containerPort: 9000 })]);
    const server = "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); " +
      "s.bind(('0.0.0.0',9000)); d,a=s.recvfrom(99); s.sendto(b'got '+d,a)";
    waiting.enter(`exec python3 -c "${server}"`);
    const answer = Promise.withResolvers<string>();
    const socket = await Bun.udpSocket({
      socket: { data: (_, bytes) => answer.resolve(bytes.toString()) },
    });
    cleanups.push(() => socket.close());
    const timer = setInterval(() => socket.send("ping", ports[0]?.hostPort ?? 0, ADDRESS), 100);
    cleanups.push(() => clearInterval(timer));
    expect(await answer.promise).toBe("got ping");
  });

  test(
    `${tool}: the container reaches the host's address but never the host's loopback`,
    async () => {
      const { waiting, dns, warning } = await connect(tool);
      expect(warning).toBeUndefined();
      const open = serve("0.0.0.0");
      const hidden = serve("127.0.0.1");
      const get = (url: string) =>
        output(waiting.enter(`curl -s -m 1 --noproxy '*' ${url}; echo end`));
      expect(await get(`http://${ADDRESS}:${open}/`)).toBe("hello from the hostend\n");
      const router = dns.replace(/3$/, "2");
      for (const address of ["127.0.0.1", "[::1]", router, dns, ADDRESS]) {
        expect(await get(`http://${address}:${hidden}/`)).not.toContain("hello");
      }
    },
    20_000,
  );

  test(`${tool}: the container has an address, a route and a device called eth0`, async () => {
    const { waiting } = await connect(tool);
    const shown = await output(
      waiting.enter("ip -4 -o addr show eth0; ip route; ip -o link show lo"),
    );
    expect(shown).toMatch(/inet 10\.201\.0\.100\/24/);
    expect(shown).toMatch(/default via 10\.201\.0\.2 dev eth0/);
    expect(shown).toMatch(/lo: <LOOPBACK,UP/);
  });

  test(`${tool}: the program ends when told, and its ports are free then`, async () => {
    const there = () => childrenOf(process.pid).filter((pid) => isAlive(pid, tool));
    // That of the last test may still be ending.
    const before = there();
    const { network, ports } = await connect(tool, [mapping({ hostIp: "127.0.0.1" })]);
    const running = () => there().filter((pid) => !before.includes(pid));
    expect(running()).toHaveLength(1);
    expect(() => planNetwork({ publish: ports, searchPath: undefined })).toThrow(
      `Bind for 127.0.0.1:${ports[0]?.hostPort} failed: port is already allocated`,
    );
    network.stop();
    network.stop();
    expect(running()).toEqual([]);
    releasePlan(planNetwork({ publish: ports, searchPath: undefined }));
  });
}

function childrenOf(pid: number): number[] {
  const { stdout } = Bun.spawnSync(["pgrep", "-P", String(pid)]);
  return stdout.toString().split("\n").filter(Boolean).map(Number);
}

/** Whether a process runs the tool; what was stopped without waiting stays as `[tool] <defunct>`. */
function isAlive(pid: number, tool: string): boolean {
  const command = Bun.spawnSync(["ps", "-o", "args=", "-p", String(pid)]).stdout.toString();
  return command.includes(tool) && !command.includes("<defunct>");
}

for (const tool of ["pasta", "slirp4netns"]) {
  test(`${tool}: a resolver on the host's loopback answers at the address for names`, () => {
    const program = join(import.meta.dir, "../../tests/programs/ask_loopback_resolver.ts");
    const done = Bun.spawnSync(["unshare", "-Urnm", process.execPath, program, tool]);
    expect(done.stderr.toString()).toBe("");
    expect(done.stdout.toString()).toMatch(/Name:\s+host\.test\s+Address:\s+192\.0\.2\.77/);
  });
}

test("pasta: on a host without a route the container starts offline, with a warning", () => {
  const program = join(import.meta.dir, "../../tests/programs/connect_offline.ts");
  const done = Bun.spawnSync(["unshare", "-Urn", process.execPath, program]);
  expect(done.stdout.toString() + done.stderr.toString()).toBe(
    "the host has no route to any network: the container is offline\n",
  );
});

test("pasta: an IPv6 address of the host can be published", async () => {
  const { waiting, ports } = await connect("pasta", [
    mapping({ hostIp: "::1", containerPort: 8000 }),
  ]);
  waiting.enter(WEB.replace("PORT", "8000"));
  expect(await ask(`http://[::1]:${ports[0]?.hostPort}/hostname`)).not.toBe("no answer");
});
