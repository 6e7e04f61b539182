/** The network's part of `doctor`. */
import type { NetworkFacts } from "../network/host_check.ts";
import { type Finding, fine } from "../rootless/host/finding.ts";
import { installPackage } from "../rootless/host/fixes.ts";

const LOST = "private networks and published ports; only --network none and --network host work";

/** Judges which programs there are. */
export function judgeNetworkTools({ tools }: NetworkFacts): Finding {
  const name = "network program";
  const [best] = tools;
  if (best?.name === "pasta") return fine(name, best.path);
  if (best === undefined) {
    const detail = "neither pasta nor slirp4netns is installed";
    return { name, status: "missing", detail, lost: LOST, fix: installPackage("passt") };
  }
  return {
    name,
    status: "limited",
    detail: `${best.path}, but no pasta`,
    lost: "IPv6, and speed",
    fix: installPackage("passt"),
  };
}

/** Judges the device both programs need. */
export function judgeTun({ tun }: NetworkFacts): Finding {
  const name = "/dev/net/tun";
  if (tun) return fine(name, "accessible");
  return {
    name,
    status: "missing",
    detail: "not there, or not ours to open",
    lost: LOST,
    fix: "sudo modprobe tun && sudo chmod 0666 /dev/net/tun",
  };
}
