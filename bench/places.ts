/** The folders of a benchmark run, and the environment that every contender gets. */
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TSBOX } from "../tests/support/cli.ts";

/** Stores of tsbox and podman, side by side on one file system. */
export interface Place {
  path: string;
  env: Record<string, string>;
  /** A shell command that deletes both stores, also what belongs to subordinate ids. */
  emptyStores: string;
  /** A shell command that ends what keeps tsbox's user namespace from one command to the next. */
  forgetNamespace: string;
}

/** podman's settings where no systemd session is: the same isolation, without cgroup and journal daemons. */
const CONTAINERS_CONF = `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
`;

const FORGET = join(import.meta.dir, "forget_namespace.ts");

/** A new folder below `parent`. */
export function makePlace(parent: string): Place {
  const path = mkdtempSync(join(parent, "tsbox-bench-"));
  const config = join(path, "config");
  const data = join(path, "data");
  const runtimeDir = join(path, "run");
  mkdirSync(join(config, "containers"), { recursive: true });
  mkdirSync(data);
  mkdirSync(runtimeDir, { mode: 0o700 });
  writeFileSync(join(config, "containers/containers.conf"), CONTAINERS_CONF);
  writeFileSync(join(config, "containers/storage.conf"), `[storage]\ndriver = "overlay"\n`);
  return {
    path,
    env: {
      HOME: path,
      XDG_CONFIG_HOME: config,
      XDG_DATA_HOME: data,
      XDG_RUNTIME_DIR: runtimeDir,
      PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      LANG: "C.UTF-8",
    },
    emptyStores: inNamespace(`rm -rf ${data}/tsbox ${data}/containers`),
    forgetNamespace: `${process.execPath} ${FORGET} ${runtimeDir}/tsbox`,
  };
}

/** Also what an interrupted benchmark has left in it: containers, processes, files of subordinate ids. */
export function removePlace(place: Place): void {
  removeContainers(place);
  quietly(place, ["sh", "-c", place.forgetNamespace]);
  // podman's own pause process holds a namespace as well.
  quietly(place, ["podman", "system", "migrate"]);
  quietly(place, ["sh", "-c", inNamespace(`rm -rf ${place.path}`)]);
}

function removeContainers(place: Place): void {
  const data = place.env["XDG_DATA_HOME"] ?? "";
  if (existsSync(join(data, "containers"))) {
    quietly(place, ["podman", "rm", "-f", "-t", "0", "-a"]);
  }
  if (!existsSync(join(data, "tsbox"))) return;
  const ids = ok(place, [TSBOX, "ps", "-aq"]).split("\n").filter((id) => id !== "");
  if (ids.length > 0) quietly(place, [TSBOX, "rm", "-f", ...ids]);
}

function quietly(place: Place, command: readonly string[]): void {
  const silent = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
  Bun.spawnSync([...command], { env: place.env, ...silent });
}

function inNamespace(command: string): string {
  return `unshare --user --map-auto --map-root-user ${command}`;
}

/** Both engines, by the names of the tables. */
export const ENGINES = [{ name: "tsbox", program: TSBOX }, {
  name: "podman",
  program: "podman",
}] as const;

/** The flags that make an engine remove a container that runs; podman asks it first, and waits ten seconds. */
export function removal(engine: string): string[] {
  return engine === "podman" ? ["rm", "-f", "-t", "0"] : ["rm", "-f"];
}

/** Runs a command that must work; returns what it printed. */
export function ok(place: Place, command: readonly string[], cwd: string = place.path): string {
  const done = Bun.spawnSync([...command], { env: place.env, cwd, stdin: "ignore" });
  if (done.success) return done.stdout.toString();
  throw new Error(`${command.join(" ")}: ${done.stderr}${done.stdout}`);
}
