/**
 * A network of the container's own, connected to the outside by pasta or slirp4netns.
 *
 * In steps, so that the container's set-up and the program's start overlap: plan (addresses, ports, before
 * anything exists), start (a process of the container waits in its namespaces), ready (before its command).
 */
import { rmSync } from "node:fs";
import { explainHelper, isOffline } from "./failures.ts";
import { Helper } from "./helper.ts";
import { pastaCommand } from "./pasta.ts";
import type { NetworkPlan } from "./plan.ts";
import { addSlirpPorts, slirpCommand } from "./slirp4netns.ts";

/** A network program at work for a container. */
export interface NetworkConnection {
  /**
   * Waits until the network can be used; resolves with a warning when the host is offline: the
   * container then has only its loopback device.
   * @throws TsboxError "host" or "unavailable" with what the program said
   */
  ready(): Promise<string | undefined>;
  /** Ends the program; its ports are free then. A second call does nothing. */
  stop(): void;
}

/**
 * Starts connecting the namespaces of `pid`: a process that waits, is dumpable, and runs in a user
 * namespace of ours.
 * @param runtimeDir existing folder of ours for a socket
 * @throws SyscallError when the program cannot be executed
 */
export function startNetwork(
  plan: NetworkPlan,
  pid: number,
  runtimeDir: string,
): NetworkConnection {
  return plan.tool.name === "pasta" ? startPasta(plan, pid) : startSlirp(plan, pid, runtimeDir);
}

/** The program's end before it was ready: a warning when the host is merely offline. */
function failed(plan: NetworkPlan, helper: Helper): string {
  const messages = helper.messages();
  helper.stop({ wait: true });
  if (isOffline(messages)) return offlineWarning(plan);
  throw explainHelper(plan.tool.name, messages);
}

function offlineWarning({ ports }: NetworkPlan): string {
  const lost = ports.length > 0 ? " and its ports are not published" : "";
  return `the host has no route to any network: the container is offline${lost}`;
}

function startPasta(plan: NetworkPlan, pid: number): NetworkConnection {
  const helper = start(plan, () => new Helper(pastaCommand(plan, pid)));
  return {
    ready() {
      const isReady = helper.ready();
      plan.held.release();
      return Promise.resolve(isReady ? undefined : failed(plan, helper));
    },
    stop: () => stop(plan, helper),
  };
}

function startSlirp(plan: NetworkPlan, pid: number, runtimeDir: string): NetworkConnection {
  const socket = plan.ports.length > 0 ? `${runtimeDir}/slirp-${pid}.sock` : undefined;
  const helper = start(plan, () => new Helper(slirpCommand(plan, pid, socket)));
  const unlink = () => socket !== undefined && rmSync(socket, { force: true });
  return {
    async ready() {
      try {
        if (!helper.ready()) return failed(plan, helper);
        // It binds udp ports before it allows sharing: ours have to go first.
        plan.held.release();
        if (socket !== undefined) await addSlirpPorts(socket, plan.ports, plan.subnet.address);
      } finally {
        unlink();
      }
      return undefined;
    },
    stop() {
      stop(plan, helper);
      unlink();
    },
  };
}

function start(plan: NetworkPlan, make: () => Helper): Helper {
  try {
    return make();
  } catch (error) {
    plan.held.release();
    throw error;
  }
}

function stop(plan: NetworkPlan, helper: Helper): void {
  plan.held.release();
  helper.stop({ wait: plan.ports.length > 0 });
}
