/** Unpacks one layer: from compressed bytes to a directory that is exactly what the archive says. */
import { chmodSync, chownSync, closeSync, mkdirSync, openSync } from "node:fs";
import { readAt, syncFileSystem } from "../ffi/file_content.ts";
import { bytesOfText } from "../ffi/files.ts";
import { type Digest, digestAlgorithm, DigestHasher } from "../oci/digest.ts";
import { TsboxError } from "../errors.ts";
import { decompressor } from "./decompress.ts";
import type { LayerRecord } from "./layers.ts";
import { writeDurably } from "./replace_file.ts";
import { oversizedArchive } from "./tar/entry.ts";
import { TarReader } from "./tar/reader.ts";
import { LayerWriter } from "./unpack/layer_writer.ts";
import type { UnpackLimits, WriterOptions } from "./unpack/options.ts";

export type { UnpackLimits };

/** Generous for any image, small enough that a bomb ends: a hostile layer fills a disk otherwise. */
export const DEFAULT_LIMITS: UnpackLimits = { bytes: 64 * 1024 ** 3, entries: 4_000_000 };

/** What to unpack, and where to. */
export interface UnpackJob extends WriterOptions {
  /** Absolute path of the layer as received; may still grow. */
  blob: string;
  /** Absolute path of the directory to be made, with `diff` and `layer.json` in it. */
  target: string;
  /** What the uncompressed archive must hash to. */
  diffID: Digest;
}

/**
 * Says how much of a growing blob there is: called with the number of bytes already read, resolves when
 * there are more or when it is complete. Throws when there will never be more.
 */
export type Growth = (read: number) => Promise<{ bytes: number; complete: boolean }>;

/** Bytes read at a time; the fastest of 64 KiB to 4 MiB. */
const READ_SIZE = 1024 * 1024;

/**
 * Unpacks a layer; everything is on the disk when this resolves. To be run as root of the user namespace.
 * @param onRead told of every piece of the blob that was unpacked, with the bytes so far
 * @throws TsboxError "corrupt", "limit-exceeded", "unsupported", "no-space" or "kernel"; `target` is incomplete then
 */
export async function unpackLayer(
  job: UnpackJob,
  growth: Growth,
  onRead: (bytes: number) => void = () => {},
): Promise<LayerRecord> {
  // Modes are meant exactly as they are written.
  process.umask(0);
  makeDirectory(job.target, 0o700);
  makeDirectory(`${job.target}/diff`, 0o755);
  const writer = new LayerWriter(bytesOfText(`${job.target}/diff`), job);
  try {
    const diffID = await unpackInto(writer, job, growth, onRead);
    const record: LayerRecord = { diffID, ...writer.counts };
    writeDurably(`${job.target}/layer.json`, JSON.stringify(record));
    syncStore(job.target);
    return record;
  } finally {
    writer.close();
  }
}

/** A store below a setgid directory must not give its group to what is in the layers. */
function makeDirectory(path: string, mode: number): void {
  mkdirSync(path);
  chownSync(path, 0, 0);
  chmodSync(path, mode);
}

async function unpackInto(
  writer: LayerWriter,
  job: UnpackJob,
  growth: Growth,
  onRead: (bytes: number) => void,
): Promise<Digest> {
  const reader = new TarReader(writer);
  const hasher = new DigestHasher(digestAlgorithm(job.diffID));
  let size = 0;
  const stream = decompressor((bytes) => {
    size += bytes.length;
    if (size > job.limits.bytes) {
      throw oversizedArchive(
        `it decompresses to more than ${job.limits.bytes} bytes`,
        "raise max-layer-bytes (TSBOX_MAX_LAYER_BYTES) if you trust the image",
      );
    }
    hasher.update(bytes);
    reader.write(bytes);
  });
  // Waiting for more may stop this thread: nothing is left undone meanwhile.
  const more: Growth = async (read) => {
    await stream.settle();
    return await growth(read);
  };
  await readGrowing(job.blob, more, async (bytes, total) => {
    await stream.write(bytes);
    onRead(total);
  });
  await stream.end();
  reader.end();
  writer.finish();
  return checked(hasher.digest(), job.diffID);
}

function checked(found: Digest, wanted: Digest): Digest {
  if (found === wanted) return found;
  throw new TsboxError(
    "corrupt",
    `Cannot use the layer: its content is ${found}, the image says ${wanted}`,
  );
}

async function readGrowing(
  path: string,
  growth: Growth,
  take: (bytes: Uint8Array, total: number) => Promise<void>,
): Promise<void> {
  const fd = openSync(path, "r");
  const buffer = new Uint8Array(READ_SIZE);
  try {
    let read = 0;
    for (;;) {
      const { bytes, complete } = await growth(read);
      while (read < bytes) {
        const count = readAt(fd, buffer.subarray(0, Math.min(READ_SIZE, bytes - read)), read);
        if (count === 0) throw new TsboxError("corrupt", `Cannot unpack "${path}": it was cut`);
        read += count;
        await take(buffer.subarray(0, count), read);
      }
      if (complete) return;
    }
  } finally {
    closeSync(fd);
  }
}

/** One syncfs for thousands of files, in the worker: other layers go on meanwhile. */
function syncStore(path: string): void {
  const fd = openSync(path, "r");
  try {
    syncFileSystem(fd);
  } finally {
    closeSync(fd);
  }
}
