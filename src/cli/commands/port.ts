import { publishedPorts } from "../../engine/container_ports.ts";
import { TsboxError } from "../../errors.ts";
import { findContainer } from "../../storage/find_container.ts";
import type { PortMapping } from "../../container/run_options.ts";
import type { Command } from "../command.ts";

/** `tsbox port`. */
export const command: Command = {
  grammar: {
    path: "port",
    aliases: ["container port", "port"],
    summary: "List port mappings or a specific mapping for the container",
    usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
    args: { min: 1, max: 2 },
    flags: [],
  },
  run: ({ args: [name = "", port] }, io, context) => {
    const { record } = findContainer(context.dataRoot, name);
    const ports = record.state.status === "running" ? publishedPorts(record) : [];
    io.out(port === undefined ? allText(ports) : oneText(ports, name, port));
    return Promise.resolve(0);
  },
};

function allText(ports: readonly PortMapping[]): string {
  return [...ports].sort((a, b) => a.containerPort - b.containerPort)
    .map((port) => `${port.containerPort}/${port.protocol} -> ${address(port)}\n`).join("");
}

function oneText(ports: readonly PortMapping[], name: string, text: string): string {
  const [, number = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(\w+))?$/.exec(text) ?? [];
  if (number === "") {
    throw new TsboxError("invalid-argument", `invalid port (${text}): it is no number`);
  }
  const found = ports.filter((port) =>
    port.containerPort === Number(number) && port.protocol === protocol.toLowerCase()
  );
  if (found.length > 0) return found.map((port) => `${address(port)}\n`).join("");
  const wanted = `${number}/${protocol.toLowerCase()}`;
  throw new TsboxError("not-found", `No public port '${wanted}' published for ${name}`);
}

function address({ hostIp, hostPort }: PortMapping): string {
  const host = hostIp === "" ? "0.0.0.0" : hostIp;
  return `${host.includes(":") ? `[${host}]` : host}:${hostPort}`;
}
