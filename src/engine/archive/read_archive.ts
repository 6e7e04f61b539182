/** From the bytes of an archive to the images that are in it, every document checked. */
import { messageOf, TsboxError } from "../../errors.ts";
import { decompressor } from "../../storage/decompress.ts";
import { oversizedArchive } from "../../storage/tar/entry.ts";
import { TarReader } from "../../storage/tar/reader.ts";
import { dockerImages } from "./docker_images.ts";
import type { ArchiveInput } from "./input.ts";
import { ociImages, type PlatformChoice } from "./oci_images.ts";
import { ArchiveSpool } from "./spool.ts";
import type { LoadableImage } from "./loadable_image.ts";

/** What is read, and where to. */
export interface ArchiveReading {
  input: ArchiveInput;
  /** Absolute path of an empty directory in the store, for what is in the archive. */
  folder: string;
  /** Bytes the uncompressed archive may have. */
  maxBytes: number;
  dataRoot: string;
  platform: PlatformChoice;
  signal: AbortSignal;
}

/**
 * Reads the whole archive: plain, gzip or zstd. Memory does not depend on its size.
 * @throws TsboxError "corrupt", "limit-exceeded", "unsupported", "not-found" (platform), "cancelled", "no-space"
 */
export async function readArchive(reading: ArchiveReading): Promise<LoadableImage[]> {
  const spool = new ArchiveSpool(reading.folder);
  try {
    await fill(spool, reading);
    return imagesOf(spool, reading);
  } catch (error) {
    throw aboutArchive(error, reading.input.name);
  } finally {
    spool.close();
  }
}

async function fill(spool: ArchiveSpool, reading: ArchiveReading): Promise<void> {
  const { input, maxBytes, signal } = reading;
  const reader = new TarReader(spool);
  let size = 0;
  const stream = decompressor((bytes) => {
    size += bytes.length;
    if (size > maxBytes) {
      const hint = "raise TSBOX_MAX_LAYER_BYTES if you trust the archive";
      throw oversizedArchive(`it has more than ${maxBytes} bytes`, hint);
    }
    reader.write(bytes);
  });
  for await (const piece of input.pieces(signal, () => stream.settle())) await stream.write(piece);
  await stream.end();
  reader.end();
}

/** An OCI layout goes first: it has the manifest, and so the image's digest, where docker's format has none. */
function imagesOf(spool: ArchiveSpool, { dataRoot, platform, input }: ArchiveReading) {
  const isLayout = spool.find("index.json") !== undefined && spool.find("oci-layout") !== undefined;
  if (isLayout) return ociImages(spool, dataRoot, platform);
  if (spool.find("manifest.json") !== undefined) return dockerImages(spool, platform.asked);
  throw new TsboxError(
    "unsupported",
    `Cannot load ${input.name}: it is no archive of images, since it has neither manifest.json nor index.json`,
    { hint: spool.isEmpty ? "is it empty?" : "'tsbox import' makes an image of a file system" },
  );
}

/** The reader of archives was made for layers, and says so. */
function aboutArchive(error: unknown, name: string): unknown {
  if (!(error instanceof TsboxError)) return error;
  const { code, hint, stage } = error;
  const why = /^Cannot (?:unpack|decompress) the layer: (.*)$/s.exec(messageOf(error))?.[1];
  if (why === undefined) return error;
  return new TsboxError(code, `Cannot load ${name}: ${why}`, {
    cause: error,
    ...(hint !== undefined && { hint }),
    ...(stage !== undefined && { stage }),
  });
}
