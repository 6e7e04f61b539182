/** The container's side of `cp`: runs as root of its user namespace, below a descriptor of its root. */
import { bytesOfText, type ByteString, openInRoot, statusAt } from "../../ffi/files.ts";
import { O, S_IFBLK, S_IFCHR, S_IFMT } from "../../ffi/constants.ts";
import { readNext } from "../../ffi/file_content.ts";
import { raw } from "../../ffi/libc.ts";
import { TsboxError } from "../../errors.ts";
import { decompressor } from "../decompress.ts";
import { isDirectory } from "../merged_tree.ts";
import { locate, type Located, namesDirectory } from "./located.ts";
import { type CopyPlan, type CopySource, planCopy } from "./plan.ts";
import { CopyReader } from "./read_archive.ts";
import { type Owners, TreeWriter } from "./tree_writer.ts";
import { type CopySummary, sendTree } from "./send_tree.ts";

/** Bytes read at a time. */
const PIECE = 256 * 1024;

/** A path of a container, as the user wrote it. */
interface ContainerPath {
  /** As the user calls the container, for messages. */
  container: string;
  /** Absolute, no `..` in it; a slash or `/.` at its end counts. */
  path: string;
}

export interface CopyOutJob extends ContainerPath {
  /** A link at the end is followed. */
  followLink: boolean;
}

export interface CopyInJob extends ContainerPath {
  /** Undefined: an archive of the user's, whose members keep their names. */
  source?: CopySource;
  owners: Owners;
}

/**
 * Writes what is at a path to `output`, as an archive whose first member has its name.
 * @throws TsboxError "not-found" in docker's words
 */
export function copyOut(job: CopyOutJob, root: number, output: number): CopySummary {
  const path = bytesOfText(job.path);
  const found = locate(root, path, job.followLink);
  if (found?.status === undefined) throw missing(job, job.path);
  try {
    return sendTree(found, { as: baseName(path), what: job.path }, output);
  } finally {
    raw("close", found.parent);
  }
}

/**
 * Unpacks an archive that is read from `input` to a path.
 * @throws TsboxError in docker's words where the path does not allow that
 */
export async function copyIn(job: CopyInJob, root: number, input: number): Promise<CopySummary> {
  const target = locate(root, bytesOfText(job.path), true);
  if (target === undefined) throw missing(job, folderOf(job.path));
  raw("close", target.parent);
  const plan = planOf(job, target);
  const top = plan.into === "parent" || target.leaf === "."
    ? target.folder
    : `${target.folder}/${target.leaf}`;
  const device = deviceOf(root, "/");
  const writer = new TreeWriter({
    open: (path) => openInRoot(root, `${top}/${path}`, O.PATH | O.DIRECTORY),
    owners: job.owners,
    ...(plan.into === "parent" && { rename: plan.rename }),
    readOnly: (directory) => readOnly(deviceOf(directory, "") === device),
  });
  try {
    await unpack(writer, input, job.source === undefined);
    const { entries, devices } = writer.counts;
    return { entries, left: devices, closed: false };
  } finally {
    writer.close();
  }
}

function planOf(job: CopyInJob, { leaf, status }: Located): CopyPlan {
  const { container, path, source } = job;
  const isFolder = status !== undefined && isDirectory(status);
  const title = `destination "${container}:${path}" must be a directory`;
  if (source === undefined) {
    if (isFolder) return { into: "target" };
    throw new TsboxError("invalid-argument", title);
  }
  const type = (status?.mode ?? 0) & S_IFMT;
  if (type === S_IFCHR || type === S_IFBLK) {
    throw new TsboxError("invalid-argument", `${title} or a regular file: got a device`);
  }
  const asDirectory = namesDirectory(path);
  const target = { name: leaf, exists: status !== undefined, isDirectory: isFolder, asDirectory };
  return planCopy(source, target);
}

/** @param mayBeCompressed it is the user's own, and docker takes those */
async function unpack(writer: TreeWriter, input: number, mayBeCompressed: boolean): Promise<void> {
  const reader = new CopyReader(writer);
  const stream = mayBeCompressed ? decompressor((bytes) => reader.write(bytes)) : undefined;
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  for (;;) {
    const count = readNext(input, buffer);
    if (count === 0) break;
    const bytes = buffer.subarray(0, count);
    if (stream === undefined) reader.write(bytes);
    else await stream.write(bytes);
  }
  await stream?.end();
  reader.end();
  writer.finish();
}

/** The name of what a path means: `.` for a directory's content, and for the root. */
export function baseName(path: ByteString): ByteString {
  if (path.endsWith("/.")) return ".";
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("/") + 1) || ".";
}

function folderOf(path: string): string {
  const trimmed = path.replace(/\/+\.?$/, "");
  return trimmed.slice(0, trimmed.lastIndexOf("/")) || "/";
}

function deviceOf(dir: number, name: ByteString): string {
  const device = statusAt(dir, name === "/" ? "" : name)?.device;
  return `${device?.major}:${device?.minor}`;
}

function readOnly(isRoot: boolean): TsboxError {
  const what = isRoot ? "container rootfs" : "mounted volume";
  return new TsboxError("invalid-argument", `${what} is marked read-only`);
}

function missing({ container }: ContainerPath, path: string): TsboxError {
  const message = `Could not find the file ${path} in container ${container}`;
  return new TsboxError("not-found", message);
}
