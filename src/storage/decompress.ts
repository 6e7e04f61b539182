/**
 * Decompresses a layer as it comes: gzip (also of several members), zstd (of several frames) or plain.
 *
 * Which one is told by its first bytes, not by the media type: as docker does, because pushers get it wrong.
 */
import { createGunzip, createZstdDecompress } from "node:zlib";
import { messageOf, TsboxError } from "../errors.ts";
import { OutputQueue } from "./output_queue.ts";
import { ZstdFrames } from "./zstd_frames.ts";

/** Takes compressed bytes. */
export interface Decompressor {
  /** Resolves when more may be given; `bytes` may be reused then. @throws what the output threw, or "corrupt" */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when the output has all that can be made of what was written. @throws as `write` */
  settle(): Promise<void>;
  /** Says that there are no more bytes; resolves when all output was given. @throws as `write`, also when cut */
  end(): Promise<void>;
}

/** Bytes of output at a time: the fastest of 64 KiB to 4 MiB. */
const CHUNK = 1024 * 1024;

/** Bytes needed to recognize a format. */
const PROBE = 4;

/** @param output gets the decompressed bytes, valid during the call only; may throw */
export function decompressor(output: (bytes: Uint8Array) => void): Decompressor {
  let chosen: Decompressor | undefined;
  let probe = new Uint8Array(0);
  return {
    async write(bytes) {
      if (chosen !== undefined) return chosen.write(bytes);
      probe = concat(probe, bytes);
      if (probe.length < PROBE) return;
      chosen = choose(probe, output);
      await chosen.write(probe);
    },
    async settle() {
      await chosen?.settle();
    },
    async end() {
      if (chosen === undefined) {
        chosen = plain(output);
        await chosen.write(probe);
      }
      await chosen.end();
    },
  };
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function choose(first: Uint8Array, output: (bytes: Uint8Array) => void): Decompressor {
  const magic = Buffer.from(first.subarray(0, PROBE)).toString("hex");
  if (magic.startsWith("1f8b08")) return zlibStream(createGunzip({ chunkSize: CHUNK }), output);
  if (magic === "28b52ffd" || /^5.2a4d18$/.test(magic)) return zstd(output);
  // "7zXZ" and "BZh1" to "BZh9"; no member of an archive of images or files is called that.
  if (magic === "fd377a58") throw unsupported("xz");
  if (/^425a683[1-9]$/.test(magic)) throw unsupported("bzip2");
  return plain(output);
}

function unsupported(format: string): TsboxError {
  return new TsboxError(
    "unsupported",
    `Cannot decompress the layer: it is compressed by ${format}, which tsbox does not read`,
    { hint: `decompress it first ('${format} -d'), or use gzip or zstd` },
  );
}

function plain(output: (bytes: Uint8Array) => void): Decompressor {
  return {
    write: (bytes) => Promise.resolve(output(bytes)),
    settle: () => Promise.resolve(),
    end: () => Promise.resolve(),
  };
}

function zstd(output: (bytes: Uint8Array) => void): Decompressor {
  const frames = new ZstdFrames();
  const stream = zlibStream(createZstdDecompress({ chunkSize: CHUNK }), output);
  return {
    async write(bytes) {
      frames.write(bytes);
      await stream.write(bytes);
    },
    settle: () => stream.settle(),
    async end() {
      if (!frames.complete) throw corruptStream("it ends too early");
      await stream.end();
    },
  };
}

/** The stream inflates on another thread, ahead of the output by as much as the queue holds. */
function zlibStream(
  stream: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>,
  output: (bytes: Uint8Array) => void,
): Decompressor {
  const queue = new OutputQueue(stream, (bytes) => {
    try {
      output(bytes);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  });
  const ended = new Promise<void>((resolve) => {
    stream.on("data", (bytes: Uint8Array) => queue.push(bytes));
    stream.on("error", (error) => {
      queue.fail(corruptStream(messageOf(error)));
      resolve();
    });
    stream.on("close", resolve);
    stream.on("end", resolve);
  });
  const check = () => {
    if (queue.failure !== undefined) throw queue.failure;
  };
  return {
    async write(bytes) {
      check();
      await Promise.race([
        ended,
        new Promise<void>((resolve) => stream.write(bytes, () => resolve())),
      ]);
      check();
    },
    async settle() {
      await queue.empty();
      check();
    },
    async end() {
      stream.end();
      await ended;
      await queue.empty();
      check();
    },
  };
}

function corruptStream(why: string): TsboxError {
  return new TsboxError("corrupt", `Cannot decompress the layer: ${why}`);
}
