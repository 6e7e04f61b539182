/** Writes a container's hosts, hostname and resolv.conf. */
import { etcFiles } from "../../container/etc_files.ts";
import type { RunOptions } from "../../container/run_options.ts";
import { readTextIfAny, writeText } from "../../ffi/quick_files.ts";

/** What the files need to know of the container's network. */
export interface EtcNetwork {
  address?: string;
  gateway?: string;
  dnsForward?: string;
}

/** Paths of the files written. */
export interface EtcPaths {
  hosts: string;
  hostname: string;
  resolvConf: string;
}

/** Writes the three files into the container's directory; the container may change them. */
export function writeEtcFiles(
  directory: string,
  hostname: string,
  options: RunOptions,
  network: EtcNetwork,
): EtcPaths {
  const files = etcFiles(options, {
    hostname,
    hostHosts: options.network === "host" ? readTextIfAny("/etc/hosts") ?? "" : "",
    hostResolvConf: readTextIfAny("/etc/resolv.conf") ?? "",
    ...network,
  });
  const paths = {
    hosts: `${directory}/hosts`,
    hostname: `${directory}/hostname`,
    resolvConf: `${directory}/resolv.conf`,
  };
  writeText(paths.hosts, files.hosts, 0o644);
  writeText(paths.hostname, files.hostname, 0o644);
  writeText(paths.resolvConf, files.resolvConf, 0o644);
  return paths;
}
