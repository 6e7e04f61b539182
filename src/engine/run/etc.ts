/** Writes a container's hosts, hostname and resolv.conf. */
import { readFileSync, writeFileSync } from "node:fs";
import { etcFiles } from "../../container/etc_files.ts";
import type { RunOptions } from "../../container/run_options.ts";

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

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
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
    hostHosts: options.network === "host" ? textOf("/etc/hosts") : "",
    hostResolvConf: textOf("/etc/resolv.conf"),
    ...network,
  });
  const paths = {
    hosts: `${directory}/hosts`,
    hostname: `${directory}/hostname`,
    resolvConf: `${directory}/resolv.conf`,
  };
  writeFileSync(paths.hosts, files.hosts, { mode: 0o644 });
  writeFileSync(paths.hostname, files.hostname, { mode: 0o644 });
  writeFileSync(paths.resolvConf, files.resolvConf, { mode: 0o644 });
  return paths;
}
