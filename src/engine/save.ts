/** `save`: images as one archive that docker, podman, skopeo and umoci read, byte for byte what the store has. */
import { TsboxError } from "../errors.ts";
import { bytesOfText } from "../ffi/files.ts";
import { digestAlgorithm } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { formatPlatform, parsePlatform, platformFits } from "../oci/platform.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { findImageIn, listImages, type StoredImage } from "../storage/image_index.ts";
import { logEvents } from "../storage/event_log.ts";
import { openStore } from "../storage/layout.ts";
import { lockFileSoon } from "../storage/lock.ts";
import { ARCHIVE_END, memberHeader, paddingAfter } from "../storage/tar/writer.ts";
import { copyBlob } from "./archive/blob_copy.ts";
import { archiveDocuments, type ArchiveFormat, blobName } from "./archive/documents.ts";
import type { ArchiveOutput } from "./archive/output.ts";
import { type StoredContents, storedContents } from "./archive/stored_contents.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { noSuchImage } from "./images.ts";
import { storedName } from "./short_names.ts";

export interface SaveOptions {
  /** Only what this reader needs; an archive for both when not given. */
  format?: ArchiveFormat;
  /** `os/architecture[/variant]` that every image must be for. */
  platform?: string;
  signal: AbortSignal;
}

/** An image that is wanted, and which of its names. */
interface Wanted {
  image: StoredImage;
  names: string[];
}

/**
 * Writes the images into one archive; blobs that several have are in it once. The same images make the same
 * bytes. A name without tag means every tag of the repository, as with docker; an id brings no name.
 * @throws TsboxError "not-found", "corrupt" when a blob was changed (the archive is incomplete then),
 *   "cancelled", and what `output` throws
 */
export async function saveImages(
  context: EngineContext,
  texts: readonly string[],
  output: ArchiveOutput,
  options: SaveOptions,
): Promise<void> {
  const { dataRoot } = context;
  const { signal, format, platform } = options;
  // As long as it is held, nobody takes blobs away.
  const lock = await lockFileSoon(openStore(dataRoot).layersLock, "shared", { signal });
  try {
    const images = listImages(dataRoot);
    const wanted = chooseImages(images, texts.map((text) => storedName(context, text)));
    if (platform !== undefined) wanted.forEach(({ image }) => requirePlatform(image, platform));
    const contents = wanted.map(({ image, names }) => ({
      names,
      ...storedContents(dataRoot, image, images),
    }));
    await writeFolders(contents, output);
    await writeDocuments(contents, output, format);
    await writeBlobs(dataRoot, contents, output, signal);
    await output.write(ARCHIVE_END);
    logEvents(dataRoot, wanted.map(({ image: { id } }) => imageEvent("save", id)));
  } finally {
    lock.release();
  }
}

/** Every image once, in the order of the words, with all names it was asked for by. */
function chooseImages(images: readonly StoredImage[], texts: readonly string[]): Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const text of texts) {
    for (const { image, names } of meant(images, text)) {
      const known = wanted.get(image.id);
      const all = [...new Set([...known?.names ?? [], ...names])];
      wanted.set(image.id, { image, names: all });
    }
  }
  return [...wanted.values()];
}

function meant(images: readonly StoredImage[], text: string): Wanted[] {
  const reference = referenceOf(text);
  if (reference?.tagIsDefault) {
    const prefix = `${reference.name}:`;
    const tagged = images.flatMap((image) => {
      const names = image.names.filter((name) => name.startsWith(prefix)).sort();
      return names.length === 0 ? [] : [{ image, names }];
    });
    if (tagged.length > 0) return tagged;
  }
  const image = findImageIn(images, text);
  if (image === undefined) throw noSuchImage(text);
  return [{ image, names: image.names.filter((name) => name === reference?.canonical) }];
}

/** Undefined for what cannot be a name: an id. */
function referenceOf(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

function requirePlatform(image: StoredImage, wanted: string): void {
  const platform = parsePlatform(wanted);
  if (platformFits(image.platform, platform)) return;
  const [name = image.id] = image.names;
  throw new TsboxError(
    "not-found",
    `image with reference ${name} was found but does not provide the specified platform (${
      formatPlatform(platform)
    })`,
  );
}

/** skopeo gives folders that are not in an archive to root, which an ordinary user cannot. */
async function writeFolders(
  contents: readonly StoredContents[],
  output: ArchiveOutput,
): Promise<void> {
  const digests = contents.flatMap(({ manifest, config, layers }) =>
    [manifest.descriptor, config, ...layers].map(({ digest }) => digestAlgorithm(digest))
  );
  const folders = [...new Set(digests)].sort().map((algorithm) => `blobs/${algorithm}`);
  for (const name of ["blobs", ...folders]) await output.write(header(name, 0, "directory"));
}

async function writeDocuments(
  contents: readonly (StoredContents & { names: string[] })[],
  output: ArchiveOutput,
  format: ArchiveFormat | undefined,
): Promise<void> {
  const images = contents.map(({ names, manifest, config, layers }) => ({
    names,
    manifest: manifest.descriptor,
    config,
    layers,
  }));
  for (const [name, content] of archiveDocuments(images, format)) {
    await writeMember(output, name, new TextEncoder().encode(content));
  }
  const manifests = new Map(contents.map(({ manifest }) => [manifest.descriptor.digest, manifest]));
  for (const { descriptor, bytes } of manifests.values()) {
    await writeMember(output, blobName(descriptor.digest), bytes);
  }
}

async function writeBlobs(
  dataRoot: string,
  contents: readonly StoredContents[],
  output: ArchiveOutput,
  signal: AbortSignal,
): Promise<void> {
  const all: Descriptor[] = contents.flatMap(({ config, layers }) => [config, ...layers]);
  for (const blob of new Map(all.map((blob) => [blob.digest, blob])).values()) {
    await output.write(header(blobName(blob.digest), blob.size));
    await copyBlob(dataRoot, blob, (bytes) => output.write(bytes), signal);
    await output.write(paddingAfter(blob.size));
  }
}

async function writeMember(output: ArchiveOutput, name: string, bytes: Uint8Array): Promise<void> {
  await output.write(header(name, bytes.length));
  await output.write(bytes);
  await output.write(paddingAfter(bytes.length));
}

function header(name: string, size: number, kind: "file" | "directory" = "file"): Uint8Array {
  const mtime = { seconds: 0, nanoseconds: 0 };
  return memberHeader({
    kind,
    name: bytesOfText(name),
    mode: kind === "file" ? 0o444 : 0o755,
    uid: 0,
    gid: 0,
    mtime,
    size,
  });
}
