/** The network of a container that is being run. */
import type { PortMapping, RunOptions } from "../../container/run_options.ts";
import type { Launch } from "../../rootless/launch.ts";
import type { NetworkConnection } from "../../network/private_network.ts";
import type { EngineContext } from "../context.ts";
import type { EtcNetwork } from "./etc.ts";

/** What is done for the network, step by step. */
export interface RunNetwork {
  /** For hosts and resolv.conf. */
  etc: EtcNetwork;
  /** As published: no host port is 0. */
  ports: readonly PortMapping[];
  /** Starts connecting the namespaces of a launch. */
  start(launch: Launch): void;
  /** Waits until the network can be used; resolves with a warning when the host is offline. */
  ready(): Promise<string | undefined>;
  /** Ends what {@link start} started, or gives up what was held for it. */
  disconnect(): void;
}

const UNCONNECTED = {
  etc: {},
  start: () => {},
  ready: () => Promise.resolve(undefined),
  disconnect: () => {},
};

/**
 * Decides how the container is connected, and holds the host ports it publishes.
 * @throws TsboxError "host" without a program that could, "in-use" when a port is taken
 */
export function prepareNetwork(
  options: RunOptions,
  context: EngineContext,
): Promise<RunNetwork> | RunNetwork {
  if (options.network !== "private") return { ...UNCONNECTED, ports: options.publish };
  return privateNetwork(options, context);
}

async function privateNetwork(options: RunOptions, context: EngineContext): Promise<RunNetwork> {
  const { planNetwork, releasePlan } = await import("../../network/plan.ts");
  const { startNetwork } = await import("../../network/private_network.ts");
  const plan = planNetwork({ publish: options.publish, searchPath: context.env["PATH"] });
  const { address, dns: dnsForward } = plan.subnet;
  let connection: NetworkConnection | undefined;
  return {
    etc: { address, dnsForward, ...(await gateway(options)) },
    ports: plan.ports,
    start(launch) {
      const { pid } = launch;
      launch.allowInspection();
      connection = startNetwork(plan, pid, context.runtimeDir);
    },
    ready: () => connection?.ready() ?? Promise.resolve(undefined),
    disconnect: () => connection === undefined ? releasePlan(plan) : connection.stop(),
  };
}

/** Where `host-gateway` leads: to an address of the host's that is not its loopback. */
async function gateway(options: RunOptions): Promise<{ gateway?: string }> {
  if (!options.addHosts.some(({ address }) => address === "host-gateway")) return {};
  const { hostAddress } = await import("../../network/host_address.ts");
  const address = hostAddress();
  return address === undefined ? {} : { gateway: address };
}
