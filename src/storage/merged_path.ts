/**
 * Finding a directory in a stack of layers as the container would see it, without mounting them: links are
 * followed inside the stack, whiteouts and opaque directories hide what is below. Nothing is opened but by
 * its own name in an open directory, so no link of an image can lead out.
 */
import { bytesOfText, type ByteString, openAt, readLinkAt, statusAt } from "../ffi/files.ts";
import { AT_FDCWD } from "../ffi/constants.ts";
import { raw } from "../ffi/libc.ts";
import {
  checked,
  isDirectory,
  OPEN_DIRECTORY,
  openMerged,
  type Source,
  TYPE,
} from "./merged_tree.ts";

/** As many links as the kernel follows on one path. */
const MAX_LINKS = 40;
/** Names on a path with all its links: what a path of 4096 bytes can have. */
const MAX_STEPS = 2048;

/** Closes what was opened. */
export function closeSources(sources: readonly Source[]): void {
  for (const { fd } of sources) raw("close", fd);
}

/** Opens the tops of layers, the topmost first; absolute paths. @throws SyscallError */
export function openLayers(layers: readonly string[]): Source[] {
  const opened: Source[] = [];
  try {
    layers.forEach((path, layer) => {
      const result = openAt(AT_FDCWD, bytesOfText(path), OPEN_DIRECTORY);
      opened.push({ layer, fd: checked(result, `open "${path}"`, "openat") });
    });
    return opened;
  } catch (thrown) {
    closeSources(opened);
    throw thrown;
  }
}

/**
 * Opens what of `path` shows through in `tops`, the topmost first; undefined when it is no directory there.
 * @param path absolute
 * @throws SyscallError
 */
export function openMergedDirectory(
  tops: readonly Source[],
  path: ByteString,
): Source[] | undefined {
  const walk = new Walk(tops);
  try {
    return walk.to(path);
  } finally {
    walk.close();
  }
}

class Walk {
  readonly #tops: readonly Source[];
  /** Names of real directories that lead from the top to where we are. */
  #place: ByteString[] = [];
  /** What shows through there; undefined after a step up. */
  #here: Source[] | undefined;

  constructor(tops: readonly Source[]) {
    this.#tops = tops;
  }

  close(): void {
    if (this.#here !== undefined) closeSources(this.#here);
    this.#here = undefined;
  }

  /** The caller closes what is returned. */
  to(path: ByteString): Source[] | undefined {
    let ahead = namesOf(path);
    for (let steps = 0, links = 0; ahead.length > 0; steps++) {
      if (steps === MAX_STEPS) return undefined;
      const [name = "", ...rest] = ahead;
      ahead = rest;
      const target = this.#step(name);
      if (target === undefined) return undefined;
      if (target === "") continue;
      if (++links > MAX_LINKS) return undefined;
      if (target.startsWith("/")) this.#goTo([]);
      ahead = [...namesOf(target), ...ahead];
    }
    const found = this.#current();
    this.#here = undefined;
    return found;
  }

  /** Enters a directory; returns "", where the name leads when it is a link, undefined when it is neither. */
  #step(name: ByteString): ByteString | undefined {
    if (name === "..") {
      this.#goTo(this.#place.slice(0, -1));
      return "";
    }
    const here = this.#current();
    const having = here?.filter(({ fd }) => statusAt(fd, name) !== undefined) ?? [];
    const [top] = having;
    const status = top && statusAt(top.fd, name);
    if (top === undefined || status === undefined) return undefined;
    if ((status.mode & TYPE.MASK) === TYPE.LINK) return readLinkAt(top.fd, name);
    if (!isDirectory(status)) return undefined;
    const inner = opened(having, name);
    this.close();
    this.#here = inner;
    this.#place.push(name);
    return "";
  }

  #goTo(place: ByteString[]): void {
    this.close();
    this.#place = place;
  }

  /** The directories were entered before, so they are there and are no links. */
  #current(): Source[] | undefined {
    if (this.#here !== undefined) return this.#here;
    let here = opened(this.#tops, ".");
    for (const name of this.#place) {
      const having = here.filter(({ fd }) => statusAt(fd, name) !== undefined);
      const inner = opened(having, name);
      closeSources(here);
      here = inner;
    }
    return this.#here = here;
  }
}

function namesOf(path: ByteString): ByteString[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** {@link openMerged}, but nothing stays open when it fails. */
function opened(having: readonly Source[], name: ByteString): Source[] {
  const sources: Source[] = [];
  try {
    openMerged(having, name, sources);
    return sources;
  } catch (thrown) {
    closeSources(sources);
    throw thrown;
  }
}
