/** What a private network needs of the host; see docs/doctor.md. */
import { accessSync, constants } from "node:fs";
import { type NetworkTool, networkTools } from "./tools.ts";

/** What the host has. */
export interface NetworkFacts {
  tools: readonly NetworkTool[];
  /** Whether /dev/net/tun may be opened by us. */
  tun: boolean;
}

/** Looks for the programs and the device. */
export function readNetworkFacts(searchPath: string | undefined): NetworkFacts {
  return { tools: networkTools(searchPath), tun: isUsable("/dev/net/tun") };
}

function isUsable(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
