/** The driver `local`: what the options of `volume create -o` mean here. */
import type { VolumeContent } from "../container/run_options.ts";
import { fileStatus } from "../ffi/quick_files.ts";
import type { StoredVolume } from "../storage/volumes.ts";
import { TsboxError } from "../errors.ts";

/** The options docker's driver has. */
const KNOWN = ["type", "o", "device", "size"];

const TMPFS_FLAGS = "ro rw suid nosuid dev nodev exec noexec sync async dirsync atime noatime " +
  "diratime nodiratime relatime norelatime strictatime nostrictatime";
const TMPFS_DATA = /^(size|mode|uid|gid|nr_inodes|nr_blocks|mpol)=[^\\]+$/;

type Options = Readonly<Record<string, string>>;

/** Refuses what this driver cannot do. @throws TsboxError "invalid-argument" or "unsupported" */
export function checkVolumeOptions(options: Options): void {
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) throw invalid(`invalid option: "${unknown}"`);
  if (options["size"] !== undefined) {
    throw new TsboxError("unsupported", "quota size requested but no quota support", {
      hint: "for a limited volume in memory use -o type=tmpfs -o device=tmpfs -o o=size=BYTES",
    });
  }
  if (Object.keys(options).length > 0) mountOf(options);
}

/** What is mounted of a volume. @throws TsboxError "not-found" when its device is not there */
export function contentOf({ name, data, options }: StoredVolume): VolumeContent {
  if (Object.keys(options).length === 0) return { kind: "directory", path: data, readOnly: false };
  const content = mountOf(options);
  if (content.kind === "tmpfs" || fileStatus(content.path) !== undefined) return content;
  throw new TsboxError(
    "not-found",
    `Cannot mount the volume "${name}": no such file or directory: ${content.path}`,
    { hint: "make it, or remove the volume and make it with another device" },
  );
}

function mountOf(options: Options): VolumeContent {
  const { type = "", device = "", o = "" } = options;
  const words = o.split(",").filter((word) => word !== "");
  if (device === "") throw invalid("missing device in volume options");
  if (type === "tmpfs") return tmpfs(words);
  const isBind = words.includes("bind") || words.includes("rbind");
  if ((type === "" || type === "none" || type === "bind") && isBind) return bind(device, words);
  throw new TsboxError(
    "unsupported",
    `volumes of type "${type}" with the options "${o}" are not supported by tsbox`,
    { hint: "an ordinary user can mount type=tmpfs, and type=none with o=bind" },
  );
}

function tmpfs(words: readonly string[]): VolumeContent {
  const flags = TMPFS_FLAGS.split(" ");
  const bad = words.find((word) => !flags.includes(word) && !TMPFS_DATA.test(word));
  if (bad !== undefined) throw invalid(`invalid tmpfs option "${bad}"`);
  return { kind: "tmpfs", options: [...words] };
}

function bind(device: string, words: readonly string[]): VolumeContent {
  const bad = words.find((word) => !["bind", "rbind", "ro", "rw"].includes(word));
  if (bad !== undefined) {
    throw new TsboxError("unsupported", `the mount option "${bad}" is not supported by tsbox`);
  }
  if (!device.startsWith("/")) throw invalid(`the device "${device}" is no absolute path`);
  return { kind: "directory", path: device, readOnly: words.includes("ro") };
}

function invalid(message: string): TsboxError {
  return new TsboxError("invalid-argument", message);
}
