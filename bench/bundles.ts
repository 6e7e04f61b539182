/** OCI bundles for bare crun: the busybox image unpacked, without any engine around it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, type Place } from "./places.ts";

interface Spec {
  process: { args: string[]; terminal: boolean };
  linux: {
    seccomp?: unknown;
    uidMappings?: unknown;
    gidMappings?: unknown;
    maskedPaths?: unknown;
    readonlyPaths?: unknown;
    namespaces: unknown[];
  };
}

/** Folders of the bundles, for `--bundle`. */
export interface Bundles {
  rootfs: string;
  /** As `crun spec --rootless` makes it: one id mapped, no seccomp filter. */
  plain: string;
  /** The same with all ids mapped and podman's seccomp filter: what an engine has to set up. */
  full: string;
}

/** Unpacks `image`, which podman has in its store, and writes the bundles. */
export function makeBundles(place: Place, image: string): Bundles {
  const rootfs = join(place.path, "rootfs");
  mkdirSync(rootfs);
  const id = ok(place, ["podman", "create", "--network", "none", image, "true"]).trim();
  const copy = `cp -a "$(podman mount ${id})/." ${rootfs}`;
  ok(place, ["podman", "unshare", "sh", "-ec", copy]);
  const podmanSpec = specOfPodman(place, id);
  ok(place, ["podman", "rm", "-f", "-t", "0", id]);
  const plain = bundle(place, "plain", rootfs, (spec) => spec);
  const full = bundle(place, "full", rootfs, (spec) => ({
    ...spec,
    linux: { ...spec.linux, seccomp: podmanSpec.linux.seccomp, ...allIds(place) },
  }));
  return { rootfs, plain, full };
}

/** The spec that podman gives crun; it exists once the container is initialized. */
function specOfPodman(place: Place, id: string): Spec {
  ok(place, ["podman", "init", id]);
  const path = ok(place, ["podman", "inspect", "--format", "{{.OCIConfigPath}}", id]).trim();
  return JSON.parse(readFileSync(path, "utf8"));
}

function allIds(place: Place): Pick<Spec["linux"], "uidMappings" | "gidMappings"> {
  const mappings = (file: string) =>
    ok(place, ["podman", "unshare", "cat", `/proc/self/${file}`]).trim().split("\n").map((line) => {
      const [containerID = 0, hostID = 0, size = 0] = line.trim().split(/\s+/).map(Number);
      return { containerID, hostID, size };
    });
  return { uidMappings: mappings("uid_map"), gidMappings: mappings("gid_map") };
}

function bundle(
  place: Place,
  name: string,
  rootfs: string,
  change: (spec: Spec) => Spec,
): string {
  const folder = join(place.path, name);
  mkdirSync(folder);
  ok(place, ["crun", "spec", "--rootless"], folder);
  const [file = "config.json"] = readdirSync(folder);
  const spec = JSON.parse(readFileSync(join(folder, file), "utf8"));
  spec.root.path = rootfs;
  spec.process.terminal = false;
  spec.process.args = ["true"];
  writeFileSync(join(folder, file), JSON.stringify(change(spec)));
  return folder;
}
