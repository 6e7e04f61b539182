/** The host's side of `cp`: the caller's own files, with the caller's own rights. */
import { existsSync, statSync } from "node:fs";
import { dirname, normalize, resolve } from "node:path";
import { AT_FDCWD, O } from "../../ffi/constants.ts";
import { readNext } from "../../ffi/file_content.ts";
import { bytesOfText, type ByteString, openAt, openWithoutLinks } from "../../ffi/files.ts";
import { raw } from "../../ffi/libc.ts";
import { waitReadable } from "../../ffi/readiness.ts";
import { baseName } from "../../storage/copy/container_side.ts";
import { locate, type Located, namesDirectory } from "../../storage/copy/located.ts";
import { type CopyPlan, type CopySource, planCopy } from "../../storage/copy/plan.ts";
import { CopyReader } from "../../storage/copy/read_archive.ts";
import { TreeWriter } from "../../storage/copy/tree_writer.ts";
import { checked, isDirectory } from "../../storage/merged_tree.ts";
import type { TarEntry, TarSink } from "../../storage/tar/entry.ts";
import { TsboxError } from "../../errors.ts";

const DIRECTORY = O.PATH | O.DIRECTORY;
/** Bytes read at a time. */
const PIECE = 256 * 1024;
/** Milliseconds of one wait for the container's side; the user may interrupt between two. */
const WAIT = 50;
/** Pieces between two looks at signals. */
const LOOK_EVERY = 32;

/** An absolute path without `..`; a slash or `/.` at the end stays, since it means something. */
export function absolutePath(path: string, cwd: string): string {
  const clean = resolve(cwd, path);
  const last = path.slice(path.lastIndexOf("/") + 1);
  if (last === "." || path === "..") return path === ".." ? clean : `${withSlash(clean)}.`;
  return last === "" ? withSlash(clean) : clean;
}

/** The same of a path in a container, where everything begins at the root. */
export function containerPath(path: string): string {
  return absolutePath(`/${path}`, "/");
}

function withSlash(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}

/** The root of the host, as {@link locate} wants it; the caller closes it. */
function hostRoot(): number {
  return checked(openAt(AT_FDCWD, "/", DIRECTORY), 'open "/"', "openat");
}

/** A file of the host that is to be copied. */
export interface HostSource extends CopySource {
  found: Located;
}

/**
 * Finds what is to be copied; the caller closes `found.parent`.
 * @param path absolute @throws TsboxError "not-found"
 */
export function findSource(path: string, followLink: boolean): HostSource {
  const root = hostRoot();
  try {
    const bytes = bytesOfText(path);
    const found = locate(root, bytes, followLink);
    if (found?.status !== undefined) {
      return { found, name: baseName(bytes), isDirectory: isDirectory(found.status) };
    }
    if (found !== undefined) raw("close", found.parent);
    throw new TsboxError("not-found", `lstat ${path}: no such file or directory`);
  } finally {
    raw("close", root);
  }
}

/** Docker's check before anything is asked for. @param path absolute @throws TsboxError "invalid-argument" */
export function checkTarget(path: string): void {
  const folder = dirname(normalize(path));
  if (!existsSync(folder)) {
    throw invalidOutput(`directory ${JSON.stringify(folder)} does not exist`);
  }
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || status.isDirectory() || status.isFile()) return;
  throw invalidOutput(`${JSON.stringify(path)} must be a directory or a regular file`);
}

function invalidOutput(why: string): TsboxError {
  return new TsboxError("invalid-argument", `invalid output path: ${why}`);
}

/**
 * Unpacks an archive that is read from `input` to a path of the host. Nothing is written but below it, or, when it
 * does not exist, its own name.
 * @param path absolute
 * @returns the bytes of the archive; 0: there was none
 * @throws TsboxError in docker's words where the path does not allow that; "cancelled"
 */
export async function receive(
  path: string,
  input: number,
  signal: AbortSignal,
): Promise<number> {
  const sink = new TargetSink(path);
  const reader = new CopyReader(sink);
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  let bytes = 0;
  try {
    for (let pieces = 1;; pieces++) {
      while (!waitReadable(input, WAIT)) await look(signal);
      if (pieces % LOOK_EVERY === 0) await look(signal);
      const count = readNext(input, buffer);
      if (count === 0) break;
      bytes += count;
      reader.write(buffer.subarray(0, count));
    }
    if (bytes === 0) return 0;
    reader.end();
    sink.finish();
    return bytes;
  } finally {
    sink.close();
  }
}

async function look(signal: AbortSignal): Promise<void> {
  await Bun.sleep(0);
  if (signal.aborted) throw new TsboxError("cancelled", "Cannot copy: cancelled");
}

/** Knows where to write when the first member has said what is copied. */
class TargetSink implements TarSink {
  readonly #path: string;
  #top: number | undefined;
  #writer: TreeWriter | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  entry(entry: TarEntry): void {
    this.#writer ??= this.#begin(entry);
    this.#writer.entry(entry);
  }

  data(bytes: Uint8Array, position: number): void {
    this.#writer?.data(bytes, position);
  }

  endFile(): void {
    this.#writer?.endFile();
  }

  finish(): void {
    this.#writer?.finish();
  }

  close(): void {
    this.#writer?.close();
    if (this.#top !== undefined) raw("close", this.#top);
  }

  #begin(first: TarEntry): TreeWriter {
    const name = first.name.replace(/\/$/, "");
    const { top, plan } = openTarget(this.#path, { name, isDirectory: first.kind === "directory" });
    this.#top = top;
    return new TreeWriter({
      open: (path: ByteString) => openWithoutLinks(top, path, DIRECTORY),
      owners: "caller",
      ...(plan.into === "parent" && { rename: plan.rename }),
      readOnly: () => new TsboxError("host", `Cannot write "${this.#path}": EROFS`),
    });
  }
}

/** The directory that is unpacked into, for the caller to close. */
function openTarget(path: string, source: CopySource): { top: number; plan: CopyPlan } {
  const root = hostRoot();
  try {
    const bytes = bytesOfText(path);
    const target = locate(root, bytes, true);
    if (target === undefined) throw new TsboxError("not-found", `no such directory`);
    const { parent, leaf, status } = target;
    const plan = planCopy(source, {
      name: leaf,
      exists: status !== undefined,
      isDirectory: status !== undefined && isDirectory(status),
      asDirectory: namesDirectory(bytes),
    });
    if (plan.into === "parent") return { top: parent, plan };
    const top = openAt(parent, leaf, DIRECTORY | O.NOFOLLOW);
    raw("close", parent);
    return { top: checked(top, `open "${path}"`, "openat"), plan };
  } finally {
    raw("close", root);
  }
}
