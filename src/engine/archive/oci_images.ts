/** The images of an OCI image layout (OCI image spec 1.1, image-layout.md), as docker, skopeo and buildx write them. */
import { TsboxError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { readJson } from "../../oci/json_reader.ts";
import {
  choosePlatform,
  type Descriptor,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  parseManifest,
} from "../../oci/manifest.ts";
import { INDEX_TYPES } from "../../oci/media_types.ts";
import type { Platform } from "../../oci/platform.ts";
import { hasBlob } from "../../storage/content_store.ts";
import { dockerNames } from "./docker_images.ts";
import { blobName, NAME_ANNOTATION, REF_ANNOTATION } from "./documents.ts";
import { archivedName, type LoadableImage, loadableImage } from "./loadable_image.ts";
import { type ArchiveSpool, readSpooled, type SpooledFile } from "./spool.ts";

/** An entry of index.json. */
interface Entry {
  descriptor: Descriptor;
  /** Undefined: not named here. */
  name: string | undefined;
}

/** Which image of several is taken. */
export interface PlatformChoice {
  /** What the user asked for: an image of another platform is refused. */
  asked: Platform | undefined;
  /** What is taken of an index. */
  best: Platform;
}

/** Indexes below indexes that are looked into. */
const MAX_DEPTH = 4;
const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

/**
 * The images of the layout, of each name the one that fits the platform best.
 * @throws TsboxError "corrupt" when a blob is missing or is not what its name says, "not-found" when nothing fits
 *   the platform, and as the decoders of its documents
 */
export function ociImages(
  spool: ArchiveSpool,
  dataRoot: string,
  platform: PlatformChoice,
): LoadableImage[] {
  const chosen = grouped(readEntries(spool)).flatMap((group) => choose(group, platform.best));
  if (chosen.length === 0) {
    throw new TsboxError("corrupt", "Cannot load the archive: its index.json lists no image");
  }
  const other = dockerNames(spool);
  const images = new Map<Digest, LoadableImage>();
  for (const { descriptor, name } of chosen) {
    const image = readImage(spool, dataRoot, descriptor, platform);
    const id = image.manifest.config.digest;
    const known = images.get(id);
    const names = name === undefined ? other.get(id) ?? [] : [name];
    images.set(id, { ...image, names: [...new Set([...known?.names ?? [], ...names])] });
  }
  return [...images.values()];
}

function readEntries(spool: ArchiveSpool): Entry[] {
  const bytes = spool.document("index.json", MAX_MANIFEST_SIZE) ?? new Uint8Array(0);
  const index = parseManifest(bytes, INDEX_TYPE);
  if (index.kind !== "index") {
    throw new TsboxError("corrupt", "Cannot load the archive: its index.json is no index");
  }
  const annotations = readJson(bytes, "index.json", MAX_MANIFEST_SIZE).objects("manifests")
    .map((entry) => entry.optionalObject("annotations")?.stringMap() ?? {});
  return index.manifests.flatMap((descriptor, i) => {
    const of = annotations[i] ?? {};
    return isAttestation(descriptor, of) ? [] : [{ descriptor, name: nameIn(of) }];
  });
}

/** Signatures and bills of materials stand beside the images they are about. */
function isAttestation({ platform }: Descriptor, annotations: Record<string, string>): boolean {
  return annotations["vnd.docker.reference.type"] !== undefined ||
    platform?.architecture === "unknown";
}

/** containerd's annotation is a full name. The specification's may be one (podman, skopeo), or only a tag. */
function nameIn(annotations: Record<string, string>): string | undefined {
  const full = annotations[NAME_ANNOTATION];
  if (full !== undefined && full !== "") return archivedName(full);
  const ref = annotations[REF_ANNOTATION] ?? "";
  if (!/[/:]/.test(ref)) return undefined;
  try {
    return archivedName(ref);
  } catch {
    return undefined; // any text is allowed there
  }
}

/** Entries of one name are one image for several platforms; those without a name too, when they say platforms. */
function grouped(entries: readonly Entry[]): Entry[][] {
  const named = Map.groupBy(entries.filter(({ name }) => name !== undefined), ({ name }) => name);
  const unnamed = entries.filter(({ name }) => name === undefined);
  const isOne = unnamed.every(({ descriptor }) => descriptor.platform !== undefined);
  return [...named.values(), ...isOne ? [unnamed] : unnamed.map((entry) => [entry])];
}

function choose(group: readonly Entry[], platform: Platform): Entry[] {
  const [first] = group;
  if (first === undefined || group.length === 1) return [...group];
  const manifests = group.map(({ descriptor }) => descriptor);
  const index = { kind: "index", mediaType: INDEX_TYPE, manifests } as const;
  return [{ ...first, descriptor: choosePlatform(index, platform, first.name ?? "the archive") }];
}

function readImage(
  spool: ArchiveSpool,
  dataRoot: string,
  top: Descriptor,
  platform: PlatformChoice,
): LoadableImage {
  const document = manifestOf(spool, top, platform.best, 0);
  const manifest = parseManifest(document.bytes, document.descriptor.mediaType);
  if (manifest.kind === "index") throw tooDeep();
  const configBytes = readBlob(spool, manifest.config, MAX_CONFIG_SIZE);
  const files = new Map<Digest, SpooledFile>();
  for (const layer of manifest.layers) {
    const file = blobOf(spool, layer);
    if (file !== undefined) files.set(layer.digest, file);
    else if (!hasBlob(dataRoot, layer.digest)) throw missingBlob(layer.digest);
  }
  return loadableImage({
    names: [],
    manifest,
    manifestDocument: document,
    configBytes,
    files,
    wanted: platform.asked,
  });
}

/** Down through indexes to one manifest. */
function manifestOf(
  spool: ArchiveSpool,
  descriptor: Descriptor,
  platform: Platform,
  depth: number,
): { descriptor: Descriptor; bytes: Uint8Array } {
  if (depth > MAX_DEPTH) throw tooDeep();
  const bytes = readBlob(spool, descriptor, MAX_MANIFEST_SIZE);
  const parsed = parseManifest(bytes, descriptor.mediaType);
  if (parsed.kind === "manifest") return { descriptor, bytes };
  const [only] = parsed.manifests;
  const next = parsed.manifests.length === 1 && only && INDEX_TYPES.includes(only.mediaType)
    ? only
    : choosePlatform(parsed, platform, "the archive");
  return manifestOf(spool, next, platform, depth + 1);
}

function readBlob(spool: ArchiveSpool, descriptor: Descriptor, limit: number): Uint8Array {
  const file = blobOf(spool, descriptor);
  if (file === undefined) throw missingBlob(descriptor.digest);
  return readSpooled(file, blobName(descriptor.digest), limit);
}

/** The file of a blob, whose digest was computed when it came. */
function blobOf(spool: ArchiveSpool, { digest, size }: Descriptor): SpooledFile | undefined {
  const file = spool.find(blobName(digest));
  if (file === undefined || (file.digest === digest && file.size === size)) return file;
  throw new TsboxError(
    "corrupt",
    `Cannot load the archive: its blob ${digest} has ${file.size} bytes that are ${file.digest}`,
  );
}

function missingBlob(digest: Digest): TsboxError {
  return new TsboxError("corrupt", `Cannot load the archive: it has no blob ${digest}`);
}

function tooDeep(): TsboxError {
  return new TsboxError("corrupt", "Cannot load the archive: its indexes are too deep");
}
