/** The images of the index: their records, documents and layers. */
import { existsSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import { chainIDs, layerDirectory, readLayerRecord } from "../../storage/layers.ts";
import {
  type ImageEntry,
  listEntries,
  type StoredImage,
  updateImages,
} from "../../storage/image_index.ts";
import { missingRecord, readImage } from "../../storage/image_record.ts";
import { type CheckedImage, describeImage } from "../pull/register.ts";
import { type Problem, short } from "./problem.ts";
import type { Fetchable } from "./fetch_missing.ts";
import { layerRecords } from "./layer_records.ts";
import { type BlobDocuments, documentsOf, hasLayers } from "./documents.ts";
import { formsOf, isSound, missingBlobs } from "./image_parts.ts";
import { setLayersAside, type Unpacker } from "./unpacker.ts";

/** What is known of the blobs, and how a layer is made anew. */
export interface ImageSources {
  dataRoot: string;
  good: ReadonlySet<string>;
  documents: BlobDocuments;
  unpack: Unpacker;
  /** Fetches what the store lacks of an image that has digests. @throws TsboxError */
  fetch: (image: Fetchable) => Promise<void>;
}

/** Looks at every image of the index. */
export function checkImages(sources: ImageSources): Problem[] {
  const { dataRoot, good } = sources;
  const found = listEntries(dataRoot).map((entry) => ({
    entry,
    image: recordOf(sources, entry),
  }));
  const forms = formsOf(found.flatMap(({ image }) => image?.layers ?? []), good);
  return found.flatMap(({ entry, image }) =>
    image === undefined ? [withoutRecord(entry, sources)] : imageProblems(image, sources, forms)
  );
}

function shown({ id, names, digests }: ImageEntry): string {
  const [name = digests[0]] = names;
  return name === undefined ? `image ${short(id)}` : `image ${short(id)} (${name})`;
}

/** Undefined for one that cannot be read, or that says something else than the image's own documents. */
function recordOf(sources: ImageSources, entry: ImageEntry): StoredImage | undefined {
  try {
    const image = readImage(sources.dataRoot, entry);
    const config = sources.documents.images.get(entry.id)?.[0]?.config;
    return image !== undefined && isSound(image, config) ? image : undefined;
  } catch (error) {
    if (error instanceof TsboxError && error.code === "corrupt") return undefined;
    throw error;
  }
}

function withoutRecord(entry: ImageEntry, sources: ImageSources): Problem {
  const what = `${shown(entry)}: its record is missing, or not what it must be`;
  const found = documentsOf(entry, sources.documents, sources.good);
  if (found === undefined) {
    return entry.digests.length > 0
      ? fetched(what, entry, sources)
      : forgotten(what, entry, sources.dataRoot);
  }
  return {
    what,
    remedy: "makes it anew from the image's manifest and config",
    mend: () => putRecord(entry, found, sources),
  };
}

/** Where neither the record nor the documents that it is made of are there, both come with the image. */
function fetched(what: string, entry: ImageEntry, { dataRoot, fetch }: ImageSources): Problem {
  return {
    what,
    remedy: "fetches the image from the registry that it came from",
    mend: async () => {
      await fetch(entry);
      if (readImage(dataRoot, entry) === undefined) throw missingRecord(dataRoot, entry.id);
    },
  };
}

/** Writes the record of an image that the index has. */
function putRecord(
  entry: ImageEntry,
  { image, indexDigest }: { image: CheckedImage; indexDigest?: string },
  { dataRoot }: ImageSources,
): void {
  const records = layerRecords(dataRoot, chainIDs(image.config.diffIds));
  const described = {
    ...describeImage(image, entry, records),
    ...(indexDigest !== undefined && { indexDigest }),
    ...entry,
  };
  updateImages(
    dataRoot,
    (images) => images.map((other) => other.id === entry.id ? described : other),
  );
}

/** An image that cannot be run any more, with nothing here to make it whole. */
function forgotten(what: string, entry: ImageEntry, dataRoot: string): Problem {
  return {
    what,
    remedy: "takes the image out of the index; pull, load or import it again",
    mend: () => updateImages(dataRoot, (images) => images.filter(({ id }) => id !== entry.id)),
  };
}

function imageProblems(
  image: StoredImage,
  sources: ImageSources,
  forms: ReadonlySet<string>,
): Problem[] {
  const broken = image.chainIDs.filter((chainID, i) =>
    !isLayer(sources.dataRoot, chainID, image.layers[i]?.diffID ?? "")
  );
  if (broken.length > 0) return [brokenLayers(image, broken, sources)];
  const lost = missingBlobs(image, sources.good, forms);
  if (lost === undefined) return [];
  const what = `${shown(image)}: ${lost} not there, or damaged`;
  return image.digests.length > 0
    ? [{
      what,
      remedy: "fetches what is missing from the registry that it came from",
      mend: () => sources.fetch(image),
    }]
    : [{
      what,
      remedy: "it can be run, but not pushed or saved as it was; load or import it again",
    }];
}

function brokenLayers(image: StoredImage, broken: string[], sources: ImageSources): Problem {
  const { dataRoot, good, documents, unpack } = sources;
  const what = `${shown(image)}: ${broken.length === 1 ? "layer" : "layers"} ${
    broken.map(short).join(", ")
  } missing, or not what the record says`;
  const source = documents.images.get(image.id)?.find((one) => hasLayers(one, good));
  if (source !== undefined) {
    const remedy = "unpacks the image's blobs anew";
    const mend = async () => {
      await unpack(source, broken);
      measureAnew(dataRoot, image);
    };
    return { what, remedy, mend };
  }
  if (image.digests.length === 0) return forgotten(what, image, dataRoot);
  return {
    what,
    remedy: "fetches what is missing from the registry that it came from",
    mend: async () => {
      setLayersAside(dataRoot, broken);
      await sources.fetch(image);
    },
  };
}

/** The record may have been made while not all layers could say how large they are. */
function measureAnew(dataRoot: string, { id, chainIDs: chain, ...rest }: StoredImage): void {
  const size = layerRecords(dataRoot, chain).reduce((sum, layer) => sum + layer.size, 0);
  if (size === rest.size) return;
  updateImages(dataRoot, (images) => images.map((one) => one.id === id ? { ...one, size } : one));
}

function isLayer(dataRoot: string, chainID: string, diffID: string): boolean {
  try {
    return readLayerRecord(dataRoot, chainID).diffID === diffID &&
      existsSync(layerDirectory(dataRoot, chainID));
  } catch {
    return false;
  }
}
