/** The network of a container that is being run. */
import type { PortMapping, RunOptions } from "../../container/run_options.ts";
import type { Launch } from "../../rootless/launch.ts";
import type { EngineContext } from "../context.ts";
import type { EtcNetwork } from "./etc.ts";

/** What is done for the network, step by step. */
export interface RunNetwork {
  /** For hosts and resolv.conf. */
  etc: EtcNetwork;
  /** As published: no host port is 0. */
  ports: readonly PortMapping[];
  /** Connects the namespaces of a container that is waiting for its start; resolves with a warning. */
  connect(launch: Launch): Promise<string | undefined>;
  /** Ends what {@link connect} started, or gives up what was held for it. */
  disconnect(): void;
}

const UNCONNECTED = {
  etc: {},
  connect: () => Promise.resolve(undefined),
  disconnect: () => {},
};

/**
 * Decides how the container is connected, and holds the host ports it publishes.
 * @throws TsboxError "host" without a program that could, "in-use" when a port is taken
 */
export async function prepareNetwork(
  options: RunOptions,
  context: EngineContext,
): Promise<RunNetwork> {
  if (options.network !== "private") return { ...UNCONNECTED, ports: options.publish };
  const { planNetwork, releasePlan } = await import("../../network/plan.ts");
  const plan = planNetwork({ publish: options.publish, searchPath: context.env["PATH"] });
  let stop = () => releasePlan(plan);
  return {
    etc: {
      address: plan.subnet.address,
      gateway: plan.subnet.gateway,
      dnsForward: plan.subnet.dns,
    },
    ports: plan.ports,
    async connect(launch) {
      const { startNetwork } = await import("../../network/private_network.ts");
      const { pid } = launch;
      launch.allowInspection();
      const connection = startNetwork(plan, pid, context.runtimeDir);
      stop = () => connection.stop();
      return await connection.ready();
    },
    disconnect: () => stop(),
  };
}
