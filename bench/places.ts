/** The folders of a benchmark run, and the environment that every contender gets. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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

export function removePlace(place: Place): void {
  Bun.spawnSync(["sh", "-c", place.forgetNamespace], { stderr: "ignore" });
  // podman's own pause process holds a namespace as well.
  Bun.spawnSync(["podman", "system", "migrate"], { env: place.env, stderr: "ignore" });
  Bun.spawnSync(["sh", "-c", inNamespace(`rm -rf ${place.path}`)]);
}

function inNamespace(command: string): string {
  return `unshare --user --map-auto --map-root-user ${command}`;
}

/** Runs a command that must work; returns what it printed. */
export function ok(place: Place, command: readonly string[], cwd: string = place.path): string {
  const done = Bun.spawnSync([...command], { env: place.env, cwd, stdin: "ignore" });
  if (done.success) return done.stdout.toString();
  throw new Error(`${command.join(" ")}: ${done.stderr}${done.stdout}`);
}
