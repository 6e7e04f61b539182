/** `cp`: files of a container to the host and back, whether it runs or not. */
import { raw } from "../ffi/libc.ts";
import { pipe } from "../ffi/process.ts";
import { closeFile } from "../ffi/quick_files.ts";
import { sendTree } from "../storage/copy/send_tree.ts";
import { TsboxError } from "../errors.ts";
import type { ArchiveOutput } from "./archive/output.ts";
import type { EngineContext } from "./context.ts";
import { openContainerRoot } from "./copy/container_root.ts";
import { absolutePath, checkTarget, containerPath, findSource, receive } from "./copy/host_side.ts";
import type { RunHost } from "./run/host.ts";
import type { WorkerJob } from "./worker_jobs.ts";
import { startPlacedJob } from "./worker.ts";
import type { RunningJob } from "./worker_process.ts";

/** A path of a container. */
export interface ContainerFile {
  container: string;
  /** As the user wrote it: it begins at the root with or without a slash. */
  path: string;
}

/** How to copy. */
export interface CopyOptions {
  /** Absolute; where relative paths of the host begin. */
  cwd: string;
  /** A symbolic link at the end of the source is followed. */
  followLink: boolean;
  /** What is copied into a container keeps the owners it has on the host; else it is root's. */
  archive: boolean;
}

/** What was copied, for the user. */
export interface Copied {
  /** Of the archive in between. */
  bytes: number;
  /** Absolute: where to, as the user wrote it otherwise. */
  target: string;
}

/**
 * Copies from a container to a path of the host; everything becomes the caller's.
 * @throws TsboxError "not-found", "invalid-argument" in docker's words, "cancelled"
 */
export async function copyFromContainer(
  context: EngineContext,
  host: RunHost,
  from: ContainerFile,
  to: string,
  { cwd, followLink }: CopyOptions,
  signal: AbortSignal,
): Promise<Copied> {
  const target = absolutePath(to, cwd);
  checkTarget(target);
  const job = { kind: "copy-out", ...inContainer(from), followLink } as const;
  const bytes = await throughPipe(context, host, job, "write", async (stream, running) => {
    try {
      return await receive(target, stream, signal);
    } finally {
      if (signal.aborted) running.stop();
    }
  });
  return { bytes, target };
}

/** The same as an archive. @throws as copyFromContainer */
export async function archiveFromContainer(
  context: EngineContext,
  host: RunHost,
  from: ContainerFile,
  output: ArchiveOutput,
  { followLink }: CopyOptions,
): Promise<void> {
  const job = { kind: "copy-out", ...inContainer(from), followLink } as const;
  const result = await withWorker(context, host, job, () => beginJob(output.fd));
  if (isClosed(result)) throw output.closed();
}

/**
 * Copies from a path of the host into a container.
 * @throws TsboxError "not-found", "invalid-argument" in docker's words
 */
export async function copyToContainer(
  context: EngineContext,
  host: RunHost,
  from: string,
  to: ContainerFile,
  { cwd, followLink, archive }: CopyOptions,
): Promise<Copied> {
  const path = absolutePath(from, cwd);
  const { found, ...source } = findSource(path, followLink);
  const job = {
    kind: "copy-in",
    ...inContainer(to),
    source,
    owners: archive ? "archive" : "root",
  } as const;
  try {
    const bytes = await throughPipe(context, host, job, "read", (stream) => {
      const sent = sendTree(found, { as: source.name, what: path }, stream);
      tellLeft(host, sent);
      return Promise.resolve(sent.bytes);
    });
    return { bytes, target: `${to.container}:${to.path}` };
  } finally {
    closeFile(found.parent);
  }
}

/**
 * Unpacks the archive that is read from a descriptor, plain or compressed, into a directory of a container. Its
 * members keep the owners they have in it.
 * @throws TsboxError as copyToContainer
 */
export async function archiveToContainer(
  context: EngineContext,
  host: RunHost,
  input: number,
  to: ContainerFile,
): Promise<Copied> {
  const job = { kind: "copy-in", ...inContainer(to), owners: "archive" } as const;
  await withWorker(context, host, job, () => beginJob(input));
  return { bytes: 0, target: `${to.container}:${to.path}` };
}

function inContainer({ container, path }: ContainerFile): ContainerFile {
  return { container, path: containerPath(path) };
}

/** One end of a pipe is the worker's, the other one ours. Returns what `ourSide` does: bytes. */
async function throughPipe(
  context: EngineContext,
  host: RunHost,
  job: CopyJob,
  theirs: "read" | "write",
  ourSide: (stream: number, running: RunningJob) => Promise<number>,
): Promise<number> {
  let bytes = 0;
  await withWorker(context, host, job, () => {
    const stream = pipe();
    const [inside, outside] = theirs === "read"
      ? [stream.read, stream.write]
      : [stream.write, stream.read];
    const ours = async (running: RunningJob) => {
      closeFile(inside);
      try {
        bytes = await ourSide(outside, running);
      } finally {
        closeFile(outside);
      }
    };
    return { stream: inside, ours };
  });
  return bytes;
}

/** What the worker reads from or writes to, and what we do meanwhile. */
interface BothSides {
  stream: number;
  ours(running: RunningJob): Promise<void>;
}

/** A worker that needs nothing of us. */
function beginJob(stream: number): BothSides {
  return { stream, ours: () => Promise.resolve() };
}

type CopyJob = WorkerJob & { kind: "copy-in" | "copy-out" };

/** @returns the worker's answer. @throws the error of the side that failed, and not that of the other one */
async function withWorker(
  context: EngineContext,
  host: RunHost,
  job: CopyJob,
  begin: () => BothSides,
): Promise<unknown> {
  // What a mount is made on has the usual modes.
  raw("umask", 0o22);
  const root = await openContainerRoot(context, host, job.container);
  try {
    const { stream, ours } = begin();
    const running = startPlacedJob(job, root.userns, host.self, root.place(stream));
    const [our, their] = await Promise.allSettled([ours(running), running.result]);
    if (their.status === "rejected" && !isOwnFailure(our)) throw their.reason;
    if (our.status === "rejected") throw our.reason;
    const result = their.status === "fulfilled" ? their.value : undefined;
    tellLeft(host, result);
    return result;
  } finally {
    await root.close();
  }
}

/** Whether our side failed of itself, and not because the other one ended the archive too early. */
function isOwnFailure(ours: PromiseSettledResult<void>): boolean {
  if (ours.status === "fulfilled") return false;
  return !(ours.reason instanceof TsboxError && ours.reason.code === "corrupt");
}

/** Says that something was not copied. @param summary a CopySummary */
function tellLeft(host: RunHost, summary: unknown): void {
  if (typeof summary !== "object" || summary === null || !("left" in summary)) return;
  if (typeof summary.left !== "number" || summary.left === 0) return;
  host.notice(`tsbox: warning: left out devices and sockets: ${summary.left}`);
}

function isClosed(result: unknown): boolean {
  return typeof result === "object" && result !== null && "closed" in result &&
    result.closed === true;
}
