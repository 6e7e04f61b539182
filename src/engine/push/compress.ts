/**
 * Layers that are stored as plain tars, because the image was loaded, imported or made here, become gzip
 * before they are pushed. They stay so: the next push finds them, with the same digests.
 */
import { closeSync, fsyncSync, openSync, rmSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { TsboxError } from "../../errors.ts";
import { writeAll } from "../../ffi/file_content.ts";
import { type Digest, DigestHasher, digestOf, isDigest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { layerCompression } from "../../oci/media_types.ts";
import { hasBlob, nameBlob, storeBlob, syncNames } from "../../storage/content_store.ts";
import {
  type ImageEntry,
  type StoredImage,
  updateImages,
  wholeImage,
} from "../../storage/image_index.ts";
import { temporaryPlace } from "../../storage/temporary.ts";
import type { StoredContents } from "../archive/stored_contents.ts";
import { inParallel } from "../pull/in_parallel.ts";
import { BlobFile } from "./blob_file.ts";
import { manifestWithLayers } from "./manifest_layers.ts";

/** zlib's and docker's own choice; a fixed one makes the same bytes every time. */
const LEVEL = 6;

export interface CompressOptions {
  signal: AbortSignal;
  /** Told the bytes of a layer that were read. */
  onProgress: (diffID: string, current: number, total: number) => void;
}

/**
 * The image with no plain layers, in the store and in the index; the same when it had none.
 * @param others all images: one of them may have the layer compressed already
 * @throws TsboxError "corrupt" when a blob was changed, "no-space", "cancelled"
 */
export async function withCompressedLayers(
  dataRoot: string,
  contents: StoredContents,
  others: readonly StoredImage[],
  options: CompressOptions,
): Promise<StoredContents> {
  const plain = new Map(
    contents.layers.filter(isPlain).map((layer) => [layer.digest, layer] as const),
  );
  if (plain.size === 0) return contents;
  const { signal, onProgress } = options;
  const parallel = navigator.hardwareConcurrency;
  const made = await inParallel([...plain.values()], parallel, signal, async (layer, signal) => {
    const known = compressedBefore(dataRoot, layer.digest, others);
    const found = known ?? await compress(dataRoot, layer, signal, onProgress);
    return [layer.digest, { ...found, mediaType: gzipType(layer.mediaType) }] as const;
  });
  const compressed = new Map<string, Descriptor>(made);
  const layers = contents.layers.map((layer) => compressed.get(layer.digest) ?? layer);
  return keep(dataRoot, { ...contents, layers });
}

function isPlain({ mediaType }: Descriptor): boolean {
  return layerCompression(mediaType) === "none";
}

function gzipType(mediaType: string): string {
  return mediaType.includes("docker") ? `${mediaType}.gzip` : `${mediaType}+gzip`;
}

/** The digest of a plain layer is its diff id. */
function compressedBefore(
  dataRoot: string,
  diffID: string,
  others: readonly StoredImage[],
): Pick<Descriptor, "digest" | "size"> | undefined {
  for (const layer of others.flatMap((image) => image.layers)) {
    const { digest, size, mediaType } = layer;
    if (layer.diffID !== diffID || layerCompression(mediaType) !== "gzip") continue;
    if (isDigest(digest) && hasBlob(dataRoot, digest)) return { digest, size };
  }
  return undefined;
}

async function compress(
  dataRoot: string,
  layer: Descriptor,
  signal: AbortSignal,
  onProgress: CompressOptions["onProgress"],
): Promise<Pick<Descriptor, "digest" | "size">> {
  const place = temporaryPlace(dataRoot, "gzip");
  const source = new BlobFile(dataRoot, layer);
  try {
    const told = (current: number) => onProgress(layer.digest, current, layer.size);
    const made = await gzipTo(place.path, source, told, signal);
    nameBlob(dataRoot, made.digest, place.path);
    return made;
  } catch (error) {
    if (signal.aborted) throw new TsboxError("cancelled", "Interrupted", { cause: error });
    throw error;
  } finally {
    source.close();
    rmSync(place.path, { force: true });
    place.release();
  }
}

async function gzipTo(
  path: string,
  source: BlobFile,
  told: (current: number) => void,
  signal: AbortSignal,
): Promise<{ digest: Digest; size: number }> {
  const hasher = new DigestHasher();
  const fd = openSync(path, "wx", 0o600);
  let size = 0;
  const reading = async function* () {
    let current = 0;
    for await (const piece of source.read(0, source.size)) {
      yield piece;
      told(current += piece.length);
    }
  };
  const writing = async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const chunk of chunks) {
      hasher.update(chunk);
      writeAll(fd, chunk, `write "${path}"`);
      size += chunk.length;
    }
  };
  try {
    await pipeline(reading(), createGzip({ level: LEVEL }), writing, { signal });
    fsyncSync(fd);
    return { digest: hasher.digest(), size };
  } finally {
    closeSync(fd);
  }
}

/** Stores the manifest of the compressed layers and has the index speak of them. */
function keep(dataRoot: string, contents: StoredContents): StoredContents {
  const { image, layers } = contents;
  const { mediaType } = contents.manifest.descriptor;
  const bytes = manifestWithLayers(contents.manifest.bytes, layers);
  const digest = digestOf(bytes);
  storeBlob(dataRoot, digest, bytes);
  syncNames(dataRoot);
  const { indexDigest: _, ...rest } = image;
  const changed: StoredImage = {
    ...rest,
    manifestDigest: digest,
    layers: layers.map((layer, i) => ({
      digest: layer.digest,
      diffID: image.layers[i]?.diffID ?? "",
      mediaType: layer.mediaType,
      size: layer.size,
    })),
  };
  updateImages(
    dataRoot,
    (entries) => entries.map((entry) => replaced(dataRoot, entry, image, changed)),
  );
  const manifest = { descriptor: { mediaType, digest, size: bytes.length }, bytes };
  return { ...contents, image: changed, manifest };
}

/** Somebody may have pulled or pushed the image meanwhile; its names are not ours to touch. */
function replaced(
  dataRoot: string,
  entry: ImageEntry,
  before: StoredImage,
  after: StoredImage,
): ImageEntry | StoredImage {
  const now = entry.id === before.id ? wholeImage(dataRoot, entry) : undefined;
  return now?.manifestDigest === before.manifestDigest ? { ...after, ...entry } : entry;
}
