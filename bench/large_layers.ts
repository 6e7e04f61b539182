/**
 * The layers of the images that pulling is measured with: the same bytes for everyone with the same
 * package-lock.json, and as compressible as real ones, since they are cut out of Bun's executable (machine
 * code) and TypeScript's compiler (text).
 */
import { constants, crc32, deflateRawSync } from "node:zlib";
import { join } from "node:path";
import type { TarEntry } from "../tests/support/tar.ts";

const MODULES = join(import.meta.dir, "../node_modules");

/** Random numbers from 0 to 1 that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What files are cut out of. */
export async function sources(): Promise<{ code: Uint8Array; text: Uint8Array }> {
  return {
    code: await Bun.file(join(MODULES, "bun/bin/bun.exe")).bytes(),
    text: await Bun.file(join(MODULES, "typescript/lib/typescript.js")).bytes(),
  };
}

/**
 * About `entries` files, folders and links with `bytes` bytes of content, as a distribution's package tree
 * has them: many small files, few large ones, one entry in ten a symbolic link.
 */
export async function packageTree(
  prefix: string,
  entries: number,
  bytes: number,
): Promise<TarEntry[]> {
  const { code, text } = await sources();
  const random = seeded(entries);
  const folders = Math.ceil(entries / 12);
  const tree: TarEntry[] = [];
  for (let i = 0; i < folders; i++) {
    tree.push({ path: `${prefix}/d${i}/`, type: "directory", mtime: 1.6e9 + i });
  }
  const files = entries - folders;
  const sizes = scaled(Array.from({ length: files }, () => logNormal(random)), bytes);
  sizes.forEach((size, i) => {
    const path = `${prefix}/d${i % folders}/f${i}`;
    const owner = { uid: i % 50 === 0 ? 33 : 0, gid: i % 50 === 0 ? 33 : 0, mtime: 1.6e9 + i };
    if (i % 10 === 9) tree.push({ path, type: "symlink", target: `f${i - folders}`, ...owner });
    else tree.push({ path, content: cut(random() < 0.5 ? code : text, size, random), ...owner });
  });
  return tree;
}

function logNormal(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  return Math.exp(1.6 * normal);
}

/** Whole sizes that add up to about `total`, links not counted. */
function scaled(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((a, b, i) => i % 10 === 9 ? a : a + b, 0);
  return weights.map((weight) => Math.round(weight / sum * total));
}

function cut(from: Uint8Array, size: number, random: () => number): Uint8Array {
  const whole = new Uint8Array(size);
  for (let filled = 0; filled < size;) {
    const start = Math.floor(random() * from.length * 0.9);
    const piece = from.subarray(start, start + size - filled);
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}

/** A layer that is too large to be held in memory: one file of `pieces` times 64 MiB. */
export interface HugeLayer {
  diffId: string;
  digest: string;
  size: number;
  /** Bytes of the archive before compression. */
  archiveSize: number;
}

const PIECE = 64 * 1024 * 1024;

/**
 * Writes the gzip file of such a layer. One piece is compressed, up to a full flush that makes it
 * independent of what precedes, and repeated: a valid single gzip member, made at the speed of a copy.
 */
export async function writeHugeLayer(
  file: string,
  header: Uint8Array,
  pieces: number,
): Promise<HugeLayer> {
  const { code } = await sources();
  const piece = Buffer.from(cut(code, PIECE, seeded(1)));
  const parts = [header, ...Array<Uint8Array>(pieces).fill(piece), new Uint8Array(1024)];
  const flushed = new Map(parts.map((part) => [part, deflated(part)]));
  const sink = Bun.file(file).writer();
  const digest = new Bun.CryptoHasher("sha256");
  const diffId = new Bun.CryptoHasher("sha256");
  let size = 0;
  let checksum = 0;
  const emit = async (bytes: Uint8Array): Promise<void> => {
    digest.update(bytes);
    size += bytes.length;
    sink.write(bytes);
    await sink.flush();
  };
  await emit(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255));
  for (const part of parts) {
    diffId.update(part);
    checksum = crc32(part, checksum);
    await emit(flushed.get(part) ?? part);
  }
  const archiveSize = parts.reduce((total, part) => total + part.length, 0);
  await emit(gzipEnd(checksum, archiveSize));
  await sink.end();
  return {
    diffId: `sha256:${diffId.digest("hex")}`,
    digest: `sha256:${digest.digest("hex")}`,
    size,
    archiveSize,
  };
}

function deflated(part: Uint8Array): Uint8Array {
  return deflateRawSync(part, { level: 1, finishFlush: constants.Z_FULL_FLUSH });
}

/** An empty last block, then checksum and length (RFC 1952, 2.3.1). */
function gzipEnd(checksum: number, length: number): Uint8Array {
  const end = new DataView(new ArrayBuffer(10));
  end.setUint16(0, 0x0300);
  end.setUint32(2, checksum, true);
  end.setUint32(6, length % 2 ** 32, true);
  return new Uint8Array(end.buffer);
}
