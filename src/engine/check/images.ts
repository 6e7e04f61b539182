/** The images of the index: their records, documents and layers. */
import { existsSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import { chainIDs, hasLayer, layerDirectory, readLayerRecord } from "../../storage/layers.ts";
import {
  type ImageEntry,
  listEntries,
  type StoredImage,
  updateImages,
} from "../../storage/image_index.ts";
import { readImage } from "../../storage/image_record.ts";
import { type CheckedImage, describeImage } from "../pull/register.ts";
import { type Problem, short } from "./problem.ts";
import type { Unpacker } from "./unpacker.ts";

/** What is known of the blobs, and how a layer is made anew. */
export interface ImageSources {
  dataRoot: string;
  good: ReadonlySet<string>;
  inBlobs: ReadonlyMap<string, CheckedImage>;
  unpack: Unpacker;
}

/** Looks at every image of the index. */
export function checkImages(sources: ImageSources): Problem[] {
  return listEntries(sources.dataRoot).flatMap((entry) => {
    const image = recordOf(sources.dataRoot, entry);
    return image === undefined ? [withoutRecord(entry, sources)] : imageProblems(image, sources);
  });
}

function shown({ id, names, digests }: ImageEntry): string {
  const [name = digests[0]] = names;
  return name === undefined ? `image ${short(id)}` : `image ${short(id)} (${name})`;
}

function recordOf(dataRoot: string, entry: ImageEntry): StoredImage | undefined {
  try {
    return readImage(dataRoot, entry);
  } catch (error) {
    if (error instanceof TsboxError && error.code === "corrupt") return undefined;
    throw error;
  }
}

function withoutRecord(entry: ImageEntry, sources: ImageSources): Problem {
  const what = `${shown(entry)}: its record is missing or cannot be read`;
  const found = sources.inBlobs.get(entry.id);
  if (found === undefined) return forgotten(what, entry, sources.dataRoot);
  return {
    what,
    remedy: "makes it anew from the image's manifest and config",
    mend: () => putRecord(entry, found, sources),
  };
}

/** Writes the record of an image that the index has. */
function putRecord(entry: ImageEntry, found: CheckedImage, { dataRoot }: ImageSources): void {
  const records = chainIDs(found.config.diffIds).flatMap((chainID) =>
    hasLayer(dataRoot, chainID) ? [readLayerRecord(dataRoot, chainID)] : []
  );
  const image = { ...describeImage(found, entry, records), ...entry };
  updateImages(dataRoot, (images) => images.map((other) => other.id === image.id ? image : other));
}

/** An image that cannot be run any more, with nothing here to make it whole. */
function forgotten(what: string, entry: ImageEntry, dataRoot: string): Problem {
  return {
    what,
    remedy: "takes the image out of the index; pull it again",
    mend: () => updateImages(dataRoot, (images) => images.filter(({ id }) => id !== entry.id)),
  };
}

function imageProblems(image: StoredImage, sources: ImageSources): Problem[] {
  const { good } = sources;
  const chain = chainIDs(image.config.diffIds);
  if (chain.join() !== image.chainIDs.join()) {
    return [
      forgotten(`${shown(image)}: its layers are not those of its config`, image, sources.dataRoot),
    ];
  }
  const documents: Problem[] = [["config", image.id], ["manifest", image.manifestDigest]]
    .filter(([, digest = ""]) => !good.has(digest))
    .map(([kind]) => ({
      what: `${shown(image)}: its ${kind} is not there, or damaged`,
      remedy: "it can be run, but not pushed or saved as it was; pull it again",
    }));
  return [...documents, ...layerProblems(image, sources)];
}

function layerProblems(image: StoredImage, sources: ImageSources): Problem[] {
  const { dataRoot, good, inBlobs, unpack } = sources;
  const broken = image.chainIDs.filter((chainID, i) =>
    !isLayer(dataRoot, chainID, image.layers[i]?.diffID ?? "")
  );
  if (broken.length === 0) return [];
  const what = `${shown(image)}: ${broken.length === 1 ? "layer" : "layers"} ${
    broken.map(short).join(", ")
  } missing, or not what the record says`;
  const found = inBlobs.get(image.id);
  const source = found?.manifest.layers.every(({ digest }) => good.has(digest)) ? found : undefined;
  if (source === undefined) return [forgotten(what, image, dataRoot)];
  return [{
    what,
    remedy: "unpacks the image's blobs anew",
    mend: () => unpack(source, broken),
  }];
}

function isLayer(dataRoot: string, chainID: string, diffID: string): boolean {
  try {
    return readLayerRecord(dataRoot, chainID).diffID === diffID &&
      existsSync(layerDirectory(dataRoot, chainID));
  } catch {
    return false;
  }
}
