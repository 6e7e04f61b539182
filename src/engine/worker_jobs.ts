/** Jobs for a worker, and how it answers: the protocol between the engine and itself in the user namespace. */
import type { CopyInJob, CopyOutJob } from "../storage/copy/container_side.ts";
import type { ExportJob } from "../storage/export_tree.ts";
import type { FillJob } from "../storage/fill_volume.ts";
import type { DiffJob } from "../storage/tree_changes.ts";
import type { UnpackJob } from "../storage/unpack.ts";
import { type ErrorCode, TsboxError } from "../errors.ts";

/** One job, given as the JSON argument of the worker, or as a line of JSON on its standard input. */
export type WorkerJob =
  /**
   * Unpacks a layer. Standard input says how far the blob may be read: lines of a number of bytes, the
   * last of them followed by ` end`. Standard output has lines of the bytes unpacked so far.
   * Results in a LayerRecord.
   */
  | ({ kind: "unpack" } & UnpackJob)
  /** Deletes trees, absolute paths. Results in null. */
  | { kind: "remove"; paths: readonly string[] }
  /** Deletes the trash of a store: for a worker that nobody waits for. Results in null. */
  | { kind: "discard"; dataRoot: string }
  /** Composes layers, base last, into a new plain directory. Results in a CopySummary. */
  | { kind: "copy"; layers: readonly string[]; target: string }
  /** Bytes of the files below each of some directories, absolute paths. Results in a list of numbers. */
  | { kind: "sizes"; paths: readonly string[] }
  /** Writes what shows through of layers as an archive to the worker's file. Results in an ExportSummary. */
  | ({ kind: "export" } & ExportJob)
  /** Gives empty volumes what the image has at their places. Results in the paths it could not read. */
  | ({ kind: "fill" } & FillJob)
  /** Says what differs from layers: a line of JSON, a string, for each. Results in null. */
  | ({ kind: "diff" } & DiffJob)
  /** Writes what is below the root, its second file, as an archive to its first. Results in a CopySummary. */
  | ({ kind: "copy-out" } & CopyOutJob)
  /** Unpacks an archive, its first file, below the root, its second one. Results in a CopySummary. */
  | ({ kind: "copy-in" } & CopyInJob);

/** A line of JSON on the worker's standard output, the last one about a job. */
export type WorkerAnswer =
  | { result: unknown }
  | { error: { code: string; message: string; hint?: string; stage?: string } };

/** All codes, by the type checker's word. */
const CODES: Readonly<Record<ErrorCode, true>> = {
  "invalid-argument": true,
  "not-found": true,
  "conflict": true,
  "in-use": true,
  "invalid-state": true,
  "unauthorized": true,
  "unsupported": true,
  "unavailable": true,
  "corrupt": true,
  "limit-exceeded": true,
  "host": true,
  "kernel": true,
  "no-space": true,
  "cancelled": true,
  "cannot-execute": true,
  "command-not-found": true,
};

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(CODES, code);
}

/** The answer that says an error. */
export function answerOf(error: unknown): WorkerAnswer {
  if (!(error instanceof TsboxError)) {
    return { error: { code: "host", message: `The worker failed: ${String(error)}` } };
  }
  const { code, message, hint, stage } = error;
  return { error: { code, message, ...(hint && { hint }), ...(stage && { stage }) } };
}

/**
 * The result in an answer.
 * @throws the TsboxError in it
 */
export function resultOf(line: string): unknown {
  const answer: unknown = JSON.parse(line);
  if (!isObject(answer)) throw new TsboxError("host", "The worker gave no answer");
  if (!isObject(answer["error"])) return answer["result"];
  const { code, message, hint, stage } = answer["error"];
  throw new TsboxError(
    typeof code === "string" && isErrorCode(code) ? code : "host",
    String(message),
    {
      ...(typeof hint === "string" && { hint }),
      ...(typeof stage === "string" && { stage }),
    },
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
