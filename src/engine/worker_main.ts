/** The worker role: does jobs as root of the user namespace and answers on standard output. */
import { readSync, writeSync } from "node:fs";
import { TsboxError } from "../errors.ts";
import { storePaths } from "../storage/layout.ts";
import { answerOf, type WorkerJob } from "./worker_jobs.ts";

/**
 * Does the job in `args`, and with `more` the jobs on standard input until it ends. A job that fails is the
 * last. Returns the exit status: 0, or 1 with the error as the answer.
 * @param args a {@link WorkerJob} as JSON: from ourselves, so it is not checked again; perhaps `more`
 */
export async function workerMain(args: readonly string[]): Promise<number> {
  const input = new LineInput();
  const [first, more] = args;
  for (let job = first; job !== undefined; job = more === "more" ? input.next() : undefined) {
    try {
      writeLine(JSON.stringify({ result: await perform(JSON.parse(job), input) }));
    } catch (error) {
      writeLine(JSON.stringify(answerOf(error)));
      return 1;
    }
  }
  return 0;
}

/** Modules are imported when their job is asked for: a worker does one kind. */
async function perform(job: WorkerJob, input: LineInput): Promise<unknown> {
  switch (job.kind) {
    case "unpack": {
      const { unpackLayer } = await import("../storage/unpack.ts");
      return await unpackLayer(job, growthFrom(input), reportProgress());
    }
    case "remove": {
      const { removeTree } = await import("../storage/remove_tree.ts");
      job.paths.forEach(removeTree);
      return null;
    }
    case "discard": {
      const { removeTree } = await import("../storage/remove_tree.ts");
      const { emptyTrash } = await import("../storage/trash.ts");
      const { syncDirectory } = await import("../storage/replace_file.ts");
      const { layers, tmp } = storePaths(job.dataRoot);
      // A crash must not bring a name back whose tree is not whole any more.
      for (const parent of [layers, tmp]) syncDirectory(parent);
      emptyTrash(job.dataRoot, removeTree);
      return null;
    }
    case "copy": {
      const { copyTree } = await import("../storage/copy_tree.ts");
      return copyTree(job.layers, job.target);
    }
    case "sizes": {
      const { treeSize } = await import("../storage/tree_size.ts");
      return job.paths.map(treeSize);
    }
    case "export": {
      const { exportTree } = await import("../storage/export_tree.ts");
      const { WORKER_FILE } = await import("../rootless/worker.ts");
      if (!job.changes) return exportTree(job, WORKER_FILE);
      const { ChangeArchiver } = await import("../storage/change_archiver.ts");
      return exportTree(job, WORKER_FILE, ChangeArchiver);
    }
    case "fill": {
      const { fillVolumes } = await import("../storage/fill_volume.ts");
      return fillVolumes(job);
    }
    case "diff": {
      const { treeChanges } = await import("../storage/tree_changes.ts");
      treeChanges(job, (change) => writeLine(JSON.stringify(change)));
      return null;
    }
    case "copy-out": {
      const { copyOut } = await import("../storage/copy/container_side.ts");
      const { WORKER_FILE } = await import("../rootless/worker.ts");
      return copyOut(job, WORKER_FILE + 1, WORKER_FILE);
    }
    case "copy-in": {
      const { copyIn } = await import("../storage/copy/container_side.ts");
      const { WORKER_FILE } = await import("../rootless/worker.ts");
      return await copyIn(job, WORKER_FILE + 1, WORKER_FILE);
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

/** Lines of standard input. Nothing else is to be done while one is awaited, so the reads wait. */
class LineInput {
  readonly #buffer = new Uint8Array(4096);
  readonly #decoder = new TextDecoder();
  #lines: string[] = [];
  #rest = "";

  /** The next line; undefined when there will be none. */
  next(): string | undefined {
    while (this.#lines.length === 0) {
      const count = readSync(0, this.#buffer);
      if (count === 0) return undefined;
      this.#rest += this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      this.#lines = this.#rest.split("\n");
      this.#rest = this.#lines.pop() ?? "";
    }
    return this.#lines.shift();
  }

  /** The latest line that has come; earlier ones are dropped. */
  latest(): string | undefined {
    const line = this.next();
    return this.#lines.splice(0).at(-1) ?? line;
  }
}

function growthFrom(
  input: LineInput,
): (read: number) => Promise<{ bytes: number; complete: boolean }> {
  let known = { bytes: 0, complete: false };
  return (read) => {
    while (known.bytes <= read && !known.complete) {
      const line = input.latest();
      if (line === undefined) throw new TsboxError("cancelled", "The download was given up");
      known = { bytes: Number.parseInt(line, 10), complete: line.endsWith(" end") };
    }
    return Promise.resolve(known);
  };
}
