/**
 * What a container has changed of its image: both seen as overlayfs shows them. Runs as root of the user
 * namespace; every step is relative to a descriptor and follows no link.
 */
import {
  bytesOfText,
  type ByteString,
  type FileStatus,
  openAt,
  statusAt,
  textOfBytes,
} from "../ffi/files.ts";
import { AT_FDCWD } from "../ffi/constants.ts";
import { raw } from "../ffi/libc.ts";
import {
  checked,
  isDirectory,
  isWhiteout,
  mergedNames,
  OPEN_DIRECTORY,
  openMerged,
  type Source,
} from "./merged_tree.ts";

export interface DiffJob {
  /** Absolute: what the container has written, or all its files. */
  top: string;
  /** `top` is whole: nothing of the layers shows through. */
  whole: boolean;
  /** The image's layers, absolute paths, the topmost first. */
  lower: readonly string[];
  /** `top` marks what it hides as fuse-overlayfs does. */
  fuse: boolean;
}

/** A name that is visible in a directory. */
interface Entry {
  status: FileStatus;
  /** Those that have it, the topmost first. */
  having: readonly Source[];
}

type Names = Map<ByteString, Entry>;

/**
 * Tells every change: its kind (`A` added, `C` changed, `D` deleted) and, behind a blank, its absolute path. A
 * directory comes before what is in it; one with changes in it is changed.
 * @throws SyscallError
 */
export function treeChanges(job: DiffJob, tell: (change: string) => void): void {
  const opened: Source[] = [];
  const open = (path: string, layer: number): Source => {
    const fd = openAt(AT_FDCWD, bytesOfText(path), OPEN_DIRECTORY);
    const source = { layer, fd: checked(fd, `open "${path}"`, "openat") };
    opened.push(source);
    return source;
  };
  try {
    // Each side lists its directories by descriptors of its own.
    const lower = () => job.lower.map((path, i) => open(path, i + 1));
    const now = [open(job.top, 0), ...(job.whole ? [] : lower())];
    new Comparison(job.fuse, job.whole, tell).directories(now, lower(), "", []);
  } finally {
    closeAll(opened);
  }
}

class Comparison {
  readonly #fuse: boolean;
  readonly #whole: boolean;
  readonly #tell: (change: string) => void;

  constructor(fuse: boolean, whole: boolean, tell: (change: string) => void) {
    this.#fuse = fuse;
    this.#whole = whole;
    this.#tell = tell;
  }

  /** @param untold directories around that are changed as soon as something in them is */
  directories(
    now: readonly Source[],
    before: readonly Source[],
    path: ByteString,
    untold: ByteString[],
  ): void {
    const [names, old] = [this.#visible(now), this.#visible(before)];
    const all = new Set([...names.keys(), ...old.keys()]);
    for (const name of [...all].sort()) {
      this.#compare(names.get(name), old.get(name), name, `${path}/${name}`, untold);
    }
  }

  #visible(sources: readonly Source[]): Names {
    const visible: Names = new Map();
    for (const [name, having] of mergedNames(sources, this.#fuse)) {
      const [top] = having;
      const status = top && statusAt(top.fd, name);
      if (status !== undefined && !isWhiteout(status)) visible.set(name, { status, having });
    }
    return visible;
  }

  #compare(
    now: Entry | undefined,
    before: Entry | undefined,
    name: ByteString,
    path: ByteString,
    untold: ByteString[],
  ): void {
    if (now === undefined) return this.#change("D", path, untold);
    if (before === undefined) this.#change("A", path, untold);
    // Nothing of the container's own is there.
    else if (!this.#whole && now.having[0]?.layer !== 0) return;
    const both = before !== undefined && isDirectory(now.status) && isDirectory(before.status);
    const around = both ? [...untold, path] : untold;
    if (before !== undefined && differ(now.status, before.status)) {
      this.#change("C", path, untold);
      around.length = 0;
    }
    if (!isDirectory(now.status)) return;
    this.#below(now, both ? before : undefined, name, path, around);
    if (both && around.length === 0) untold.length = 0;
  }

  #below(
    now: Entry,
    before: Entry | undefined,
    name: ByteString,
    path: ByteString,
    untold: ByteString[],
  ): void {
    const [sources, old]: [Source[], Source[]] = [[], []];
    try {
      openMerged(now.having, name, sources);
      if (before !== undefined) openMerged(before.having, name, old);
      this.directories(sources, old, path, untold);
    } finally {
      closeAll([...sources, ...old]);
    }
  }

  #change(kind: string, path: ByteString, untold: ByteString[]): void {
    for (const directory of untold.splice(0)) this.#tell(`C ${textOfBytes(directory)}`);
    this.#tell(`${kind} ${textOfBytes(path)}`);
  }
}

/** As docker takes it: a directory's size and times say only that something in it changed. */
function differ(one: FileStatus, other: FileStatus): boolean {
  if (one.mode !== other.mode || one.uid !== other.uid || one.gid !== other.gid) return true;
  if (isDirectory(one)) return false;
  return one.size !== other.size || one.mtime.seconds !== other.mtime.seconds ||
    one.mtime.nanoseconds !== other.mtime.nanoseconds ||
    one.node.major !== other.node.major || one.node.minor !== other.node.minor;
}

function closeAll(sources: readonly Source[]): void {
  for (const { fd } of sources) raw("close", fd);
}
