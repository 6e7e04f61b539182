/** The words of a mount's options (mount(8), OCI runtime spec "Mounts") as what the kernel takes. */
import { MOUNT_ATTR, MS } from "../../ffi/constants.ts";

/** Options split into the kernel's kinds. */
export interface MountOptions {
  /** mount(2) flags. */
  flags: number;
  /** The same attributes for mount_setattr(2), of a bind. */
  attributes: number;
  /** MS_PRIVATE and the like; 0 when none was named. */
  propagation: number;
  bind: boolean;
  recursive: boolean;
  /** What is left: the file system's own data, e.g. `mode=755`. */
  data: string[];
}

const FLAGS: Readonly<Record<string, readonly [flag: number, attribute: number]>> = {
  ro: [MS.RDONLY, MOUNT_ATTR.RDONLY],
  nosuid: [MS.NOSUID, MOUNT_ATTR.NOSUID],
  nodev: [MS.NODEV, MOUNT_ATTR.NODEV],
  noexec: [MS.NOEXEC, MOUNT_ATTR.NOEXEC],
  noatime: [MS.NOATIME, MOUNT_ATTR.NOATIME],
  nodiratime: [MS.NODIRATIME, MOUNT_ATTR.NODIRATIME],
  strictatime: [MS.STRICTATIME, MOUNT_ATTR.STRICTATIME],
  relatime: [MS.RELATIME, 0],
  sync: [MS.SYNCHRONOUS, 0],
  dirsync: [MS.DIRSYNC, 0],
};

/** Words that take a flag away again; a later one wins. */
const CLEARED: Readonly<Record<string, keyof typeof FLAGS>> = {
  rw: "ro",
  suid: "nosuid",
  dev: "nodev",
  exec: "noexec",
  atime: "noatime",
  diratime: "nodiratime",
};

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS.PRIVATE,
  rprivate: MS.PRIVATE | MS.REC,
  slave: MS.SLAVE,
  rslave: MS.SLAVE | MS.REC,
  shared: MS.SHARED,
  rshared: MS.SHARED | MS.REC,
  unbindable: MS.UNBINDABLE,
  runbindable: MS.UNBINDABLE | MS.REC,
};

const NOTHING: readonly string[] = [
  "defaults",
  "async",
  "norelatime",
  "nostrictatime",
  "z",
  "Z",
];

/** Sorts the words of a mount. */
export function parseMountOptions(words: readonly string[]): MountOptions {
  const result: MountOptions = {
    flags: 0,
    attributes: 0,
    propagation: 0,
    bind: false,
    recursive: false,
    data: [],
  };
  for (const word of words) apply(result, word);
  return result;
}

function apply(result: MountOptions, word: string): void {
  const flag = FLAGS[word];
  const cleared = FLAGS[CLEARED[word] ?? ""];
  const propagation = PROPAGATION[word];
  if (flag !== undefined) {
    result.flags |= flag[0];
    result.attributes |= flag[1];
  } else if (cleared !== undefined) {
    result.flags &= ~cleared[0];
    result.attributes &= ~cleared[1];
  } else if (propagation !== undefined) {
    result.propagation = propagation;
  } else if (word === "bind" || word === "rbind") {
    result.bind = true;
    result.recursive ||= word === "rbind";
  } else if (!NOTHING.includes(word)) {
    result.data.push(word);
  }
}
