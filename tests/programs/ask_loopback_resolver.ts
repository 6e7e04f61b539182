/**
 * A host whose only resolver listens on its loopback, and a container that asks it. Meant for user, network and
 * mount namespaces of its own. Argument: pasta or slirp4netns. Prints what the container gets.
 */
import { writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { planNetwork } from "../../src/network/plan.ts";
import { startNetwork } from "../../src/network/private_network.ts";
import { networkTools } from "../../src/network/tools.ts";
import { waitingProcess } from "./waiting_process.ts";

/** Devices with a default route, and a resolv.conf that names only the loopback. */
function makeHost(): void {
  const script =
    "ip link set lo up; ip link add up0 type veth peer name far0; ip link set far0 up; " +
    "ip addr add 192.0.2.9/24 dev up0; ip link set up0 up; ip route add default via 192.0.2.1; " +
    "mount -t tmpfs none /mnt; echo nameserver 127.0.0.53 > /mnt/resolv.conf; " +
    "mount --bind /mnt/resolv.conf /etc/resolv.conf";
  const { success, stderr } = Bun.spawnSync(["sh", "-ec", script]);
  if (!success) throw new Error(stderr.toString());
}

/** Answers every question with one A record, 192.0.2.77 (RFC 1035, 4.1). */
function answer(query: Buffer): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 77];
  const header = [query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
  return Buffer.from([...header, ...query.subarray(12, end), ...record]);
}

async function main(tool: string): Promise<void> {
  makeHost();
  const resolver = await Bun.udpSocket({
    hostname: "127.0.0.53",
    port: 53,
    socket: {
      data: (socket, query, port, from) => void socket.send(answer(query), port, from),
    },
  });
  const waiting = waitingProcess();
  const plan = planNetwork({ publish: [], searchPath: undefined });
  const found = networkTools(undefined).find(({ name }) => name === tool) ?? plan.tool;
  const network = startNetwork({ ...plan, tool: found }, waiting.pid, tmpdir());
  await network.ready();
  const asked = waiting.enter(`busybox nslookup -type=a host.test ${plan.subnet.dns}`);
  writeSync(1, await new Response(asked.stdout).text());
  network.stop();
  waiting.end();
  resolver.close();
}

void main(process.argv[2] ?? "");
