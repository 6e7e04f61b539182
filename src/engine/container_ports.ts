/** The ports of a container. */
import type { PortMapping } from "../container/run_options.ts";
import type { ListedRecord } from "../storage/listed_record.ts";
import type { PortSummary } from "./api_types.ts";

/** The published ports of a container that runs, as they really are. */
export function publishedPorts({ options, ports }: ListedRecord): readonly PortMapping[] {
  return ports ?? options.publish;
}

/** Published ports, and those that are only said to be there. */
export function portSummaries(record: ListedRecord): PortSummary[] {
  const published = publishedPorts(record).map(
    ({ hostIp, hostPort, containerPort, protocol }) => ({
      IP: hostIp === "" ? "0.0.0.0" : hostIp,
      PrivatePort: containerPort,
      PublicPort: hostPort,
      Type: protocol,
    }),
  );
  return [...published, ...exposedOnly(record, published)];
}

function exposedOnly({ exposed = [] }: ListedRecord, published: PortSummary[]): PortSummary[] {
  return exposed.flatMap((text) => {
    const [, port = "", Type = ""] = /^(\d{1,5})\/(tcp|udp|sctp)$/.exec(text) ?? [];
    const PrivatePort = Number(port);
    const known = published.some((p) => p.PrivatePort === PrivatePort && p.Type === Type);
    return Type === "" || known ? [] : [{ PrivatePort, Type }];
  });
}
