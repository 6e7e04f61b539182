/** `system check`: whether the store keeps its promises (docs/store.md), and making it do so again. */
import { messageOf, TsboxError } from "../errors.ts";
import { isReadWritable } from "../ffi/quick_files.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { openStore } from "../storage/layout.ts";
import { lockFileSoon } from "../storage/lock.ts";
import { checkBlobs } from "./check/blobs.ts";
import { checkContainers } from "./check/containers.ts";
import { documentsInBlobs } from "./check/documents.ts";
import { checkImages } from "./check/images.ts";
import { type Fetchable, fetchMissing } from "./check/fetch_missing.ts";
import { checkIndex } from "./check/index_file.ts";
import { checkLeftovers } from "./check/leftovers.ts";
import type { Problem } from "./check/problem.ts";
import { unpackerOf } from "./check/unpacker.ts";
import { checkVolumes } from "./check/volumes.ts";
import type { EngineContext } from "./context.ts";
import { discardTrees } from "./discard_trees.ts";
import { ownNamespace } from "./own_namespace.ts";
import { unpackLimits } from "./pull/limits.ts";
import { sweepContainers } from "./sweep_containers.ts";
import { startJob } from "./worker.ts";

/** A problem as it is reported. */
export interface Finding {
  what: string;
  remedy: string;
  state: "found" | "mended" | "failed";
  /** Why it could not be mended. */
  reason?: string;
}

/** Mending one thing can show the next: a lost index hides its images. */
const MAX_ROUNDS = 4;

/**
 * Looks at everything in the store; with `repair` under the exclusive layers.lock, so that nobody pulls or
 * removes images meanwhile. What is complete is never deleted.
 * @throws TsboxError "unsupported" when a newer tsbox wrote the store, "host" when it shall be mended and cannot be
 *   written, "cancelled"
 */
export async function checkStore(
  context: EngineContext,
  self: SelfCommand,
  { repair, signal }: { repair: boolean; signal: AbortSignal },
): Promise<Finding[]> {
  const { layersLock, tmp } = openStore(context.dataRoot);
  if (repair && !isReadWritable(tmp)) throw unwritable(context.dataRoot);
  const lock = await lockFileSoon(layersLock, repair ? "exclusive" : "shared", { signal });
  try {
    const findings: Finding[] = [];
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const problems = await lastingProblems(context, self, signal);
      const mendable = problems.filter(({ mend }) => mend !== undefined);
      if (!repair || mendable.length === 0 || round === MAX_ROUNDS - 1) {
        return [...findings, ...problems.map((problem) => finding(problem, "found"))];
      }
      const done: Finding[] = [];
      for (const problem of mendable) done.push(await mended(problem));
      const failed = done.filter(({ state }) => state === "failed");
      // What has failed may have needed what was mended behind it.
      findings.push(...done.filter((one) => !failed.includes(one)));
      if (failed.length === done.length) {
        const hopeless = problems.filter(({ mend }) => mend === undefined);
        return [...findings, ...failed, ...hopeless.map((problem) => finding(problem, "found"))];
      }
    }
    return findings;
  } finally {
    lock.release();
  }
}

function unwritable(dataRoot: string): TsboxError {
  return new TsboxError("host", `Cannot mend the store "${dataRoot}": it cannot be written`, {
    hint: "without --repair it is only looked at",
  });
}

function finding({ what, remedy }: Problem, state: Finding["state"]): Finding {
  return { what, remedy, state };
}

async function mended(problem: Problem): Promise<Finding> {
  try {
    await problem.mend?.();
    return finding(problem, "mended");
  } catch (error) {
    return { ...finding(problem, "failed"), reason: messageOf(error) };
  }
}

/** Others go on meanwhile: what came since we looked at the blobs, or goes just now, is no problem when we look again. */
async function lastingProblems(
  context: EngineContext,
  self: SelfCommand,
  signal: AbortSignal,
): Promise<Problem[]> {
  const first = await problemsOf(context, self, signal);
  if (first.length === 0) return [];
  const seen = new Set(first.map(({ what }) => what));
  return (await problemsOf(context, self, signal)).filter(({ what }) => seen.has(what));
}

async function problemsOf(
  context: EngineContext,
  self: SelfCommand,
  signal: AbortSignal,
): Promise<Problem[]> {
  const { dataRoot } = context;
  const discard = (paths: string[]) => discardTrees(paths, context, self);
  const { problems: blobs, good } = await checkBlobs(dataRoot, signal);
  const documents = documentsInBlobs(dataRoot, good);
  const index = checkIndex(dataRoot, documents, good);
  const userns = ownNamespace(context);
  const unpack = unpackerOf({ dataRoot, userns, self, limits: unpackLimits(context), signal });
  const fetch = (image: Fetchable) => fetchMissing(image, context, { self, signal });
  const finishFilling = async (volume: string) => {
    const job = { layers: [], ids: userns().map.kind, volatile: false, volumes: [{ volume }] };
    await startJob({ kind: "fill", ...job }, userns(), self).result;
  };
  const images = index.length > 0 ? [] : checkImages({ dataRoot, good, documents, unpack, fetch });
  return [
    ...index,
    // First what is bad goes, then what is missing comes.
    ...blobs,
    ...images,
    ...checkContainers(dataRoot, () => sweepContainers(context, self)),
    ...checkVolumes(dataRoot, { discard, finishFilling }),
    ...checkLeftovers(dataRoot, discard),
  ];
}
