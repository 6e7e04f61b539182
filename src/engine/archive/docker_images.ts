/** The images of a docker archive, by its manifest.json (moby, image/tarexport): since docker 1.10. */
import { closeSync, openSync } from "node:fs";
import { messageOf, TsboxError } from "../../errors.ts";
import { readAt } from "../../ffi/file_content.ts";
import { bytesOfText } from "../../ffi/files.ts";
import { type Digest, digestOf } from "../../oci/digest.ts";
import { parseImageConfig } from "../../oci/image_config.ts";
import { JsonReader } from "../../oci/json_reader.ts";
import {
  type LayerDescriptor,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  parseManifest,
} from "../../oci/manifest.ts";
import type { LayerCompression } from "../../oci/media_types.ts";
import type { Platform } from "../../oci/platform.ts";
import { archivedName, type LoadableImage, loadableImage } from "./loadable_image.ts";
import type { ArchiveSpool, SpooledFile } from "./spool.ts";
import { makeManifest } from "./stored_contents.ts";
import { pathOf, placeOf } from "../../storage/unpack/names.ts";

/** One entry of manifest.json. */
interface DockerEntry {
  config: string;
  names: string[];
  layers: string[];
}

/**
 * The images of the archive. Their layers become blobs as they are, mostly plain archives; the manifest
 * that the store wants is made here.
 * @throws TsboxError "corrupt" when a file is missing or is not what the config says, and as its decoders
 */
export function dockerImages(spool: ArchiveSpool, wanted: Platform | undefined): LoadableImage[] {
  const images = dockerEntries(spool).map((entry) => dockerImage(spool, entry, wanted));
  if (images.length > 0) return images;
  throw new TsboxError("corrupt", "Cannot load the archive: its manifest.json lists no image");
}

/** The names that manifest.json gives, by the digest of the config. */
export function dockerNames(spool: ArchiveSpool): Map<Digest, string[]> {
  const names = new Map<Digest, string[]>();
  for (const entry of dockerEntries(spool)) {
    const config = spool.find(clean(entry.config));
    if (config !== undefined) {
      names.set(config.digest, [...names.get(config.digest) ?? [], ...entry.names]);
    }
  }
  return names;
}

function dockerEntries(spool: ArchiveSpool): DockerEntry[] {
  const bytes = spool.document("manifest.json", MAX_MANIFEST_SIZE);
  if (bytes === undefined) return [];
  return new JsonReader({ images: parseJson(bytes) }, "manifest.json").objects("images")
    .map((json) => ({
      config: json.string("Config"),
      names: (json.optionalStrings("RepoTags") ?? []).map(archivedName),
      layers: json.optionalStrings("Layers") ?? [],
    }));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const why = messageOf(cause).slice(0, 120);
    throw new TsboxError("corrupt", `Cannot load the archive: manifest.json is not JSON: ${why}`, {
      cause,
    });
  }
}

function dockerImage(
  spool: ArchiveSpool,
  entry: DockerEntry,
  wanted: Platform | undefined,
): LoadableImage {
  const configBytes = spool.document(clean(entry.config), MAX_CONFIG_SIZE);
  if (configBytes === undefined) throw missing(entry.config);
  const { diffIds } = parseImageConfig(configBytes);
  const layers = entry.layers.map((path, i) => layerOf(spool, path, diffIds[i]));
  const manifestDocument = makeManifest({
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: digestOf(configBytes),
    size: configBytes.length,
  }, layers.map(({ descriptor }) => descriptor));
  const manifest = parseManifest(manifestDocument.bytes, manifestDocument.descriptor.mediaType);
  if (manifest.kind !== "manifest") throw new Error("an own manifest became an index");
  const files = new Map(layers.map(({ descriptor, file }) => [descriptor.digest, file]));
  return loadableImage({
    names: entry.names,
    manifest,
    manifestDocument,
    configBytes,
    files,
    wanted,
  });
}

const SUFFIXES: Readonly<Record<LayerCompression, string>> = {
  none: "",
  gzip: "+gzip",
  zstd: "+zstd",
};

function layerOf(
  spool: ArchiveSpool,
  path: string,
  diffId: Digest | undefined,
): { descriptor: LayerDescriptor; file: SpooledFile } {
  const file = spool.find(clean(path));
  if (file === undefined) throw missing(path);
  const compression = compressionOf(file);
  // Known before anything is unpacked; of compressed layers the unpacking tells.
  if (compression === "none" && diffId !== undefined && file.digest !== diffId) {
    throw new TsboxError(
      "corrupt",
      `Cannot load the archive: the layer ${
        JSON.stringify(path)
      } is ${file.digest}, its config says ${diffId}`,
    );
  }
  const mediaType = `application/vnd.oci.image.layer.v1.tar${SUFFIXES[compression]}`;
  return { descriptor: { mediaType, digest: file.digest, size: file.size, compression }, file };
}

/** By its first bytes, as docker does. */
function compressionOf({ path }: SpooledFile): LayerCompression {
  const start = Buffer.alloc(4);
  const fd = openSync(path, "r");
  try {
    readAt(fd, start, 0);
  } finally {
    closeSync(fd);
  }
  const magic = start.toString("hex");
  if (magic.startsWith("1f8b08")) return "gzip";
  return magic === "28b52ffd" ? "zstd" : "none";
}

/** @throws TsboxError "corrupt" when it leads out of the archive */
function clean(path: string): string {
  return pathOf(placeOf(bytesOfText(path)));
}

function missing(path: string): TsboxError {
  const shown = JSON.stringify(path.slice(0, 200));
  return new TsboxError("corrupt", `Cannot load the archive: it has no ${shown}`);
}
