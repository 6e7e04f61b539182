/** slirp4netns(1): a TCP/IP stack in user space; the second choice, IPv4 only. */
import { messageOf, TsboxError } from "../errors.ts";
import type { PortMapping } from "../container/run_options.ts";
import type { HelperCommand } from "./helper.ts";
import { endpointText } from "./ports.ts";
import type { NetworkPlan } from "./plan.ts";

/** The command that connects the network namespace of a process; `socket` is where it takes port requests. */
export function slirpCommand(
  plan: NetworkPlan,
  pid: number,
  socket: string | undefined,
): HelperCommand {
  return {
    path: plan.tool.path,
    readyOn: 0,
    args: [
      "slirp4netns",
      "--configure",
      "--mtu=65520",
      "--disable-host-loopback",
      "--enable-seccomp",
      `--cidr=${plan.subnet.cidr}`,
      "--ready-fd=0",
      ...(socket === undefined ? [] : [`--api-socket=${socket}`]),
      "--netns-type=path",
      `--userns-path=/proc/${pid}/ns/user`,
      `/proc/${pid}/ns/net`,
      "eth0",
    ],
  };
}

function request(mapping: PortMapping, guest: string): string {
  return JSON.stringify({
    execute: "add_hostfwd",
    arguments: {
      proto: mapping.protocol,
      host_addr: mapping.hostIp || "0.0.0.0",
      host_port: mapping.hostPort,
      guest_addr: guest,
      guest_port: mapping.containerPort,
    },
  });
}

/** Sends one request and returns the answer: slirp4netns closes the connection after each. */
function ask(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    Bun.connect({
      unix: socket,
      socket: {
        open: (peer) => void peer.write(text),
        data: (_, bytes) => void (answer += bytes.toString()),
        close: () => resolve(answer),
        error: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}

/**
 * Publishes the ports, one after the other.
 * @throws TsboxError "in-use" or "unavailable" naming the port that was refused
 */
export async function addSlirpPorts(
  socket: string,
  ports: readonly PortMapping[],
  guest: string,
): Promise<void> {
  for (const mapping of ports) {
    const answer = await ask(socket, request(mapping, guest)).catch((error) => messageOf(error));
    if (/"return"/.test(answer)) continue;
    const where = endpointText(mapping.hostIp, mapping.hostPort);
    throw new TsboxError("unavailable", `Cannot publish ${where}: slirp4netns says ${answer}`);
  }
}
