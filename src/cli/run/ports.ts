import { ipVersion } from "../../container/ip_address.ts";
import type { PortMapping } from "../../container/run_options.ts";
import { TsboxError } from "../../errors.ts";

const MAX_PORT = 65535;

/**
 * Docker's `-p [[ip:]hostPort:]containerPort[/proto]` with ranges, and its long form
 * `target=80,published=8080,protocol=tcp`. Throws TsboxError with docker's words.
 */
export function parsePublish(spec: string): PortMapping[] {
  const short = spec.includes("=") ? shortForm(spec) : spec;
  const slash = short.lastIndexOf("/");
  const raw = slash < 0 ? short : short.slice(0, slash);
  const protocol = protocolOf(slash < 0 ? "tcp" : short.slice(slash + 1));
  const parts = splitOutsideBrackets(raw);
  const container = parts.pop() ?? "";
  const host = parts.pop() ?? "";
  const ip = hostAddress(parts.join(":"));
  if (container === "") throw invalid(`no port specified: ${short}<empty>`);
  const to = portRange(container, 1) ?? raise(`invalid containerPort: ${container}`);
  const from = host === "" ? undefined : portRange(host, 0) ?? raise(`invalid hostPort: ${host}`);
  if (from) checkLengths(from, to, container, host);
  return to.map((containerPort, i) => ({
    hostIp: ip,
    hostPort: from?.[i] ?? 0,
    containerPort,
    protocol,
  }));
}

/** `--expose 80`, `80/udp`, `8000-8010`: as `80/tcp`. @throws TsboxError with docker's words */
export function parseExpose(spec: string): string[] {
  if (spec.includes(":")) throw invalid(`invalid port format for --expose: ${spec}`);
  const [range = "", protocol = "tcp"] = spec.split("/");
  const ports = portRange(range, 1) ??
    raise(`invalid range format for --expose: ${spec}, error: invalid port`);
  return ports.map((port) => `${port}/${protocolOf(protocol)}`);
}

function checkLengths(from: number[], to: number[], container: string, host: string): void {
  if (from.length === to.length) return;
  if (to.length === 1) {
    throw new TsboxError(
      "unsupported",
      `a range of host ports for one container port is not supported by tsbox yet: ${host}:${container}`,
      { hint: "name one host port, or none to let the kernel choose" },
    );
  }
  throw invalid(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
}

function invalid(message: string): TsboxError {
  return new TsboxError("invalid-argument", message);
}

function raise(message: string): never {
  throw invalid(message);
}

function protocolOf(word: string): "tcp" | "udp" {
  const protocol = word.toLowerCase();
  if (protocol === "tcp" || protocol === "" || protocol === "udp") return protocol || "tcp";
  if (protocol === "sctp") {
    throw new TsboxError("unsupported", "publishing sctp ports is not supported by tsbox yet");
  }
  throw invalid(`invalid proto: ${word}`);
}

/** Colons inside `[...]` belong to an IPv6 address. */
function splitOutsideBrackets(text: string): string[] {
  const bracket = text.lastIndexOf("]");
  if (bracket < 0) return text.split(":");
  const [rest = "", ...ports] = text.slice(bracket + 1).split(":");
  return [text.slice(0, bracket + 1) + rest, ...ports];
}

function hostAddress(text: string): string {
  const bare = /^\[(.*)\]$/.exec(text)?.[1];
  const valid = text === "" ||
    (bare === undefined ? ipVersion(text) !== undefined : ipVersion(bare) === 6);
  if (!valid) throw invalid(`invalid IP address: ${text}`);
  return bare ?? text;
}

/** The ports of `80` or `80-82`; undefined when it is neither. */
function portRange(text: string, lowest: number): number[] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first < lowest || last < first || last > MAX_PORT) return undefined;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function shortForm(spec: string): string {
  const values: Record<string, string> = { published: "", target: "", protocol: "tcp" };
  for (const field of spec.split(",")) {
    const [key = "", value] = field.split("=");
    if (value === undefined) {
      throw invalid(`invalid publish opts format (should be name=value but got '${field}')`);
    }
    if (!(key in values)) {
      throw new TsboxError("unsupported", `--publish ${key}=... is not supported by tsbox yet`);
    }
    values[key] = value;
  }
  return `${values["published"]}:${values["target"]}/${values["protocol"]}`;
}
