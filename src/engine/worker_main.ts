/** The worker role: does one job as root of the user namespace and answers on standard output. */
import { readSync, writeSync } from "node:fs";
import { TsboxError } from "../errors.ts";
import { answerOf, type WorkerJob } from "./worker_jobs.ts";

/**
 * Does the job in `args` and returns the exit status: 0, or 1 with the error as the answer.
 * @param args one argument, a {@link WorkerJob} as JSON: from ourselves, so it is not checked again
 */
export async function workerMain(args: readonly string[]): Promise<number> {
  try {
    const job: WorkerJob = JSON.parse(args[0] ?? "");
    writeLine(JSON.stringify({ result: await perform(job) }));
    return 0;
  } catch (error) {
    writeLine(JSON.stringify(answerOf(error)));
    return 1;
  }
}

/** Modules are imported when their job is asked for: each worker does one. */
async function perform(job: WorkerJob): Promise<unknown> {
  switch (job.kind) {
    case "unpack": {
      const { unpackLayer } = await import("../storage/unpack.ts");
      return await unpackLayer(job, growthFromStdin(), reportProgress());
    }
    case "remove": {
      const { removeTree } = await import("../storage/remove_tree.ts");
      job.paths.forEach(removeTree);
      return null;
    }
    case "copy": {
      const { copyTree } = await import("../storage/copy_tree.ts");
      return copyTree(job.layers, job.target);
    }
  }
}

function writeLine(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}

/** Bytes between two reports of progress. */
const REPORT_EVERY = 2 * 1024 * 1024;

function reportProgress(): (bytes: number) => void {
  let reported = 0;
  return (bytes) => {
    if (bytes - reported < REPORT_EVERY) return;
    reported = bytes;
    writeLine(String(bytes));
  };
}

/** Nothing else is to be done while more of the blob is awaited, so the reads wait. */
function growthFromStdin(): (read: number) => Promise<{ bytes: number; complete: boolean }> {
  const buffer = new Uint8Array(4096);
  const decoder = new TextDecoder();
  let unread = "";
  let known = { bytes: 0, complete: false };
  return (read) => {
    while (known.bytes <= read && !known.complete) {
      const count = readSync(0, buffer);
      if (count === 0) throw new TsboxError("cancelled", "The download was given up");
      unread += decoder.decode(buffer.subarray(0, count));
      const lines = unread.split("\n");
      unread = lines.pop() ?? "";
      const last = lines.at(-1);
      if (last === undefined) continue;
      known = { bytes: Number.parseInt(last, 10), complete: last.endsWith(" end") };
    }
    return Promise.resolve(known);
  };
}
