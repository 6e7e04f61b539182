import type { MountRequest, VolumesFrom } from "../../container/run_options.ts";
import { checkVolumeName } from "../../container/volume_name.ts";
import { TsboxError } from "../../errors.ts";
import { cleanPath } from "../../container/paths.ts";
import { absolutePath } from "./paths.ts";
import { parseSize } from "../../container/size.ts";

type Propagation = "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared";

const PROPAGATIONS: readonly Propagation[] = [
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
];

/** Undefined when `word` names no propagation. */
export function propagation(word: string): Propagation | undefined {
  return PROPAGATIONS.find((known) => known === word);
}

/** The path of a mount inside the container. Throws TsboxError("invalid-argument"). */
export function mountTarget(type: string, target: string): string {
  const config = `invalid mount config for type "${type}"`;
  if (!target.startsWith("/")) {
    throw new TsboxError(
      "invalid-argument",
      `${config}: invalid mount path: '${target}' mount path must be absolute`,
    );
  }
  const clean = cleanPath(target);
  if (clean === "/") {
    throw new TsboxError(
      "invalid-argument",
      `${config}: invalid specification: destination can't be '/'`,
    );
  }
  return clean;
}

/** Docker's `-v [HOST:|NAME:]CONTAINER[:MODE,...]`; without a source, an anonymous volume. */
export function parseVolume(spec: string, cwd: string): MountRequest {
  const parts = spec.split(":");
  const [source = "", target, modes = ""] = parts;
  if (spec === "") throw new TsboxError("invalid-argument", "invalid empty volume spec");
  if (source === "" || target === "") {
    throw new TsboxError(
      "invalid-argument",
      `invalid spec: ${spec}: empty section between colons`,
    );
  }
  if (parts.length > 3) {
    throw new TsboxError("invalid-argument", `invalid volume specification: '${spec}'`);
  }
  if (target === undefined) return volumeAt("", mountTarget("volume", source), "");
  const hostPath = /^\.{1,2}(\/|$)/.test(source) ? absolutePath(cwd, source) : source;
  if (!hostPath.startsWith("/")) {
    checkVolumeName(source);
    return volumeAt(source, mountTarget("volume", target), modes);
  }
  return {
    type: "bind",
    source: cleanPath(hostPath),
    target: mountTarget("bind", target),
    createSource: true,
    ...volumeModes(modes),
  };
}

/** A volume of `-v`; beside a bind's it knows the mode `nocopy`, and no propagation. */
function volumeAt(name: string, target: string, modes: string): MountRequest {
  const words = modes.split(",");
  const { readOnly, propagation } = volumeModes(words.filter((w) => w !== "nocopy").join(","));
  if (propagation !== undefined || words.indexOf("nocopy") !== words.lastIndexOf("nocopy")) {
    throw new TsboxError("invalid-argument", `invalid mode: ${modes}`);
  }
  return {
    type: "volume",
    name,
    target,
    readOnly,
    noCopy: words.includes("nocopy"),
    anonymous: name === "",
    origin: "volume",
    ...(modes !== "" && { mode: modes }),
  };
}

/** Docker's `--volumes-from CONTAINER[:ro|rw|z|Z]`. */
export function parseVolumesFrom(spec: string): VolumesFrom {
  const colon = spec.indexOf(":");
  const container = colon < 0 ? spec : spec.slice(0, colon);
  const modes = colon < 0 ? "" : spec.slice(colon + 1);
  if (container === "") throw new TsboxError("invalid-argument", "malformed volumes-from: empty");
  const { readOnly, propagation } = volumeModes(modes);
  if (propagation === undefined) return { container, readOnly };
  throw new TsboxError("invalid-argument", `invalid mode: ${modes}`);
}

/**
 * `ro`, `rw`, a propagation; each kind once. `z`, `Z` (SELinux labels, which a rootless user cannot
 * set) and the consistency words of Docker Desktop change nothing on Linux in docker either.
 */
function volumeModes(modes: string): { readOnly: boolean; propagation?: Propagation } {
  const kinds = new Map<string, string>();
  for (const word of modes === "" ? [] : modes.split(",")) {
    const kind = modeKind(word);
    if (kind === undefined || kinds.has(kind)) {
      throw new TsboxError("invalid-argument", `invalid mode: ${modes}`);
    }
    kinds.set(kind, word);
  }
  const spread = propagation(kinds.get("propagation") ?? "");
  return { readOnly: kinds.get("access") === "ro", ...(spread && { propagation: spread }) };
}

function modeKind(word: string): string | undefined {
  if (word === "ro" || word === "rw") return "access";
  if (word === "z" || word === "Z") return "label";
  if (word === "consistent" || word === "cached" || word === "delegated") return "consistency";
  return propagation(word) === undefined ? undefined : "propagation";
}

/** Options of `--tmpfs` that go to the kernel as they are. */
const TMPFS_WORDS =
  "rw suid nosuid dev nodev exec noexec sync async dirsync atime noatime diratime " +
  "nodiratime relatime norelatime strictatime nostrictatime";
const TMPFS_DATA = /^(uid|gid|nr_inodes|nr_blocks|mpol|size)=[^\\]+$/;

/** Docker's `--tmpfs /path[:option,...]`. */
export function parseTmpfs(spec: string): MountRequest {
  const colon = spec.indexOf(":");
  const target = colon < 0 ? spec : spec.slice(0, colon);
  const mount: MountRequest = {
    type: "tmpfs",
    target: mountTarget("tmpfs", target),
    readOnly: false,
    options: [],
  };
  const options = colon < 0 ? "" : spec.slice(colon + 1);
  for (const word of options === "" ? [] : options.split(",")) applyTmpfs(mount, word);
  return mount;
}

function applyTmpfs(mount: Extract<MountRequest, { type: "tmpfs" }>, word: string): void {
  const size = word.startsWith("size=") ? parseSize(word.slice("size=".length)) : undefined;
  if (word === "ro") mount.readOnly = true;
  else if (size !== undefined) mount.size = size;
  else if (/^mode=[0-7]{1,4}$/.test(word)) mount.mode = parseInt(word.slice("mode=".length), 8);
  else if (TMPFS_WORDS.split(" ").includes(word) || TMPFS_DATA.test(word)) mount.options.push(word);
  else throw new TsboxError("invalid-argument", `invalid tmpfs option "${word}"`);
}

/** Throws TsboxError("invalid-argument") when two mounts have one target. */
export function refuseDuplicates(mounts: readonly MountRequest[]): void {
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) {
      throw new TsboxError("invalid-argument", `Duplicate mount point: ${target}`);
    }
    seen.add(target);
  }
}
