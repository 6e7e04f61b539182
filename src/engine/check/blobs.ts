/** Blobs against their names: every byte is read. */
import { closeSync, openSync, rmSync } from "node:fs";
import { readAt } from "../../ffi/file_content.ts";
import { type Digest, digestAlgorithm, DigestHasher } from "../../oci/digest.ts";
import { listBlobs } from "../../storage/content_store.ts";
import type { Problem } from "./problem.ts";

const READ_SIZE = 1024 * 1024;

/** What a file hashes to. Reads it piece by piece; others may go on between two. */
async function hashOf(path: string, wanted: Digest): Promise<Digest> {
  const hasher = new DigestHasher(digestAlgorithm(wanted));
  const buffer = new Uint8Array(READ_SIZE);
  const fd = openSync(path, "r");
  try {
    for (let at = 0;;) {
      const count = readAt(fd, buffer, at);
      if (count === 0) return hasher.digest();
      hasher.update(buffer.subarray(0, count));
      at += count;
      if (count === READ_SIZE) await Bun.sleep(0);
    }
  } finally {
    closeSync(fd);
  }
}

/** The blobs whose bytes are not what their names say. */
export async function checkBlobs(
  dataRoot: string,
  signal: AbortSignal,
): Promise<{ problems: Problem[]; good: Set<string> }> {
  const problems: Problem[] = [];
  const good = new Set<string>();
  for (const { digest, path } of listBlobs(dataRoot)) {
    signal.throwIfAborted();
    const found = await hashOf(path, digest).catch(() => undefined);
    if (found === digest) good.add(digest);
    else {
      problems.push({
        what: `blob ${digest}: its bytes ${found === undefined ? "cannot be read" : "are others"}`,
        remedy: "deletes it",
        mend: () => rmSync(path, { force: true }),
      });
    }
  }
  return { problems, good };
}
