/** `run`: networks, published ports, names and resolvers. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
let server: ReturnType<typeof Bun.serve>;
beforeAll(async () => {
  box = await busyboxContainers({ config: { Cmd: ["sh"], ExposedPorts: { "80/tcp": {} } } });
  server = Bun.serve({ hostname: "0.0.0.0", port: 0, fetch: () => new Response("from the host") });
});
afterAll(async () => {
  await server.stop(true);
  await box.stop();
});

const children: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGTERM");
    await child.exited;
  }
});

/** Starts a container that serves, and waits until it is listed. */
async function start(flags: readonly string[], script: string): Promise<string> {
  const name = `served${children.length}-${Math.random().toString(36).slice(2)}`;
  const words = box.words(["--name", name, "--init", ...flags], ["sh", "-c", script]);
  const child = Bun.spawn([TSBOX, ...words], {
    env: box.home.env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  children.push(child);
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    const ports = await tsboxOk(
      ["ps", "--filter", `name=${name}`, "--format", "{{.Ports}}"],
      { home: box.home },
    );
    if (ports.trim() !== "") return ports.trim();
    await Bun.sleep(20);
  }
}

/** An address of this machine that is not loopback. */
function ownAddress(): string | undefined {
  return Object.values(networkInterfaces()).flat()
    .find((address) => address?.family === "IPv4" && !address.internal)?.address;
}

const WEB = "mkdir /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www";

/** A udp port that nobody has now. */
async function freePort(): Promise<number> {
  const socket = await Bun.udpSocket({});
  const { port } = socket;
  socket.close();
  return port;
}

/** Asks until there is an answer: the server in the container takes its time. */
async function get(url: string): Promise<string> {
  for (let i = 0; i < 100; i++) {
    const answer = await fetch(url).then((response) => response.text()).catch(() => undefined);
    if (answer !== undefined) return answer;
    await Bun.sleep(30);
  }
  throw new Error(`no answer from ${url}`);
}

describe("--network", () => {
  const address = ownAddress();

  test("none has a loopback interface that works, and nothing else", async () => {
    const script = "ls /sys/class/net; ping -c 1 -w 2 127.0.0.1 >/dev/null && echo alive; ip route";
    expect(await box.sh(["--network", "none"], script)).toBe("lo\nalive\n");
  });

  test.skipIf(address === undefined)(
    "private reaches a server of the host's by its address",
    async () => {
      const script = `wget -q -O - http://${address}:${server.port}/`;
      expect(await box.sh(["--network", "private"], script)).toBe("from the host");
    },
  );

  test("private does not reach the host's loopback, by whatever address", async () => {
    const local = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("no") });
    try {
      const script = `gw=$(ip route | awk '/default/{print $3}'); for a in 127.0.0.1 $gw; do ` +
        `wget -q -T 2 -O - http://$a:${local.port}/ && echo reached $a; done; ip route | grep -c default`;
      const { stdout } = await box.run(["--network", "private"], ["sh", "-c", script]);
      expect(stdout).toBe("1\n");
    } finally {
      await local.stop(true);
    }
  });

  test("private has an address and a name of its own", async () => {
    const script =
      "ip -4 -o addr show scope global | wc -l; ping -c 1 -w 2 $(hostname) >/dev/null; echo $?";
    expect(await box.sh(["--network", "private"], script)).toBe("1\n0\n");
  });

  test("host shares the host's interfaces, loopback, name and resolver", async () => {
    const script =
      `hostname; wget -q -O - http://127.0.0.1:${server.port}/; echo; cat /etc/resolv.conf`;
    const out = await box.sh(["--network", "host"], script);
    expect(out).toStartWith(`${hostname()}\nfrom the host\n`);
    for (const [line] of readFileSync("/etc/resolv.conf", "utf8").matchAll(/^nameserver.*$/gm)) {
      expect(out).toContain(line);
    }
  });

  test("others are refused by name", async () => {
    const { stderr, status } = await box.run(["--network", "web"], ["true"]);
    expect(stderr).toContain("--network web is not supported by tsbox yet");
    expect(status).toBe(125);
  });
});

describe("-p", () => {
  test("publishes a port that the kernel chooses, and ps shows it", async () => {
    const ports = await start(["-p", "80"], WEB);
    const port = /^0\.0\.0\.0:(\d+)->80\/tcp/.exec(ports)?.[1];
    expect(Number(port)).toBeGreaterThan(1023);
    expect(await get(`http://127.0.0.1:${port}/`)).toBe("served\n");
  });

  test("publishes on the address that was given, and only there", async () => {
    const ports = await start(["-p", "127.0.0.1::80/tcp"], WEB);
    const port = /^127\.0\.0\.1:(\d+)->80\/tcp$/.exec(ports)?.[1];
    expect(await get(`http://127.0.0.1:${port}/`)).toBe("served\n");
    const address = ownAddress();
    if (address) expect(fetch(`http://${address}:${port}/`).then(() => "open")).rejects.toThrow();
  });

  test("publishes udp", async () => {
    // No applet of Debian's busybox receives datagrams: Bun does, with the host's C library.
    const library = ["/lib", "/lib64"].filter((path) => existsSync(path));
    const program = ["-v", `${process.execPath}:/bun:ro`];
    const binds = [...program, ...library.flatMap((path) => ["-v", `${path}:${path}:ro`])];
    // The same number on both sides: pasta of 2023 loses answers to the host's loopback otherwise.
    const port = await freePort();
    const script = `exec /bun -e 'Bun.udpSocket({ port: ${port}, ` +
      "socket: { data: (s, d, p, a) => s.send(d, p, a) } })'";
    const ports = await start([...binds, "-p", `127.0.0.1:${port}:${port}/udp`], script);
    // The image's own port is shown as with docker, though it is not published.
    expect(ports).toBe(`80/tcp, 127.0.0.1:${port}->${port}/udp`);
    let answer = "";
    const socket = await Bun.udpSocket({
      connect: { hostname: "127.0.0.1", port },
      socket: { data: (_socket, data) => void (answer += data.toString()) },
    });
    await until("the echo comes", () => {
      if (answer === "") socket.send("echo");
      return answer !== "";
    });
    socket.close();
    expect(answer).toStartWith("echo");
  });

  test("of a port that is taken is refused and leaves nothing", async () => {
    const { stderr, status } = await box.run(["-p", `${server.port}:80`], ["true"]);
    expect(stderr).toMatch(new RegExp(`0\\.0\\.0\\.0:${server.port}`));
    expect(status).toBe(125);
    expect(box.leftovers()).toEqual([]);
  });

  test("is free again when the container has ended", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = listener;
    listener.stop(true);
    for (let i = 0; i < 2; i++) {
      expect((await box.run(["-p", `127.0.0.1:${port}:80`], ["true"])).status).toBe(0);
    }
  });

  test("serves what a container sends to itself and to the host", async () => {
    const address = ownAddress();
    const ports = await start(["-p", "80"], WEB);
    const port = /:(\d+)->80/.exec(ports)?.[1];
    await get(`http://127.0.0.1:${port}/`);
    if (address === undefined) return;
    const script = `wget -q -O - http://${address}:${port}/`;
    expect(await box.sh(["--network", "private"], script)).toBe("served\n");
  });
});

describe("names", () => {
  test("--dns, --dns-search and --dns-option make resolv.conf", async () => {
    const flags = ["--dns", "192.0.2.1", "--dns", "192.0.2.2", "--dns-search", "example.org"];
    const out = await box.sh([...flags, "--dns-option", "ndots:3"], "cat /etc/resolv.conf");
    expect(out).toBe(
      "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch example.org\noptions ndots:3\n",
    );
  });

  test("--add-host names addresses", async () => {
    const flags = ["--add-host", "db:192.0.2.7", "--add-host", "six:2001:db8::1"];
    expect(await box.sh(flags, "grep -E 'db|six' /etc/hosts")).toBe(
      "192.0.2.7\tdb\n2001:db8::1\tsix\n",
    );
  });

  test.skipIf(ownAddress() === undefined)("host-gateway leads to the host", async () => {
    const flags = ["--network", "private", "--add-host", "gate:host-gateway"];
    expect(await box.sh(flags, `wget -q -O - http://gate:${server.port}/`)).toBe("from the host");
  });

  test("the files can be changed inside, and are not the host's", async () => {
    const script = "echo 192.0.2.9 mine >>/etc/hosts; ping -c 1 -w 1 mine 2>&1 | head -n 1";
    expect(await box.sh([], script)).toContain("192.0.2.9");
    expect(readFileSync("/etc/hosts", "utf8")).not.toContain("192.0.2.9");
    expect(existsSync(`${box.home.dataRoot}/containers`)).toBe(true);
  });

  test("an address that is none is refused", async () => {
    const { stderr, status } = await tsbox(["run", "--dns", "nowhere", box.image], {
      home: box.home,
    });
    expect(stderr).toContain("nowhere");
    expect(status).toBe(125);
  });
});
