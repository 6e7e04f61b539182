/** Makes images of complete files part of the store: layers unpacked, blobs named, the index told. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { parseReference } from "../../oci/reference.ts";
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import { hasBlob, nameBlob } from "../../storage/content_store.ts";
import { findImage, type StoredImage } from "../../storage/image_index.ts";
import { chainIDs, hasLayer, type LayerRecord } from "../../storage/layers.ts";
import { takeUnusedLayers } from "../../storage/unused_layers.ts";
import type { UnpackLimits } from "../../storage/unpack.ts";
import type { LayerState } from "../pull_events.ts";
import { layerWorkers, provideLayers } from "../pull/layers.ts";
import { describeImage, putImage, storeDocuments } from "../pull/register.ts";
import { removeTrees } from "../worker.ts";
import type { LoadableImage } from "./loadable_image.ts";
import type { SpooledFile } from "./spool.ts";

/** What adopting needs to know. */
export interface Adoption {
  dataRoot: string;
  userns: () => UserNamespace;
  self: SelfCommand;
  limits: UnpackLimits;
  signal: AbortSignal;
  onLayer: (digest: string, state: LayerState) => void;
}

/** An image that is in the index now. */
export interface AdoptedImage {
  image: StoredImage;
  /** Its names here, as docker shows them. */
  names: string[];
  /** Names of it that were another image's. */
  moved: { name: string; from: string }[];
}

/**
 * Unpacks all layers of all images, and only then names blobs and changes the index. The caller holds
 * layers.lock shared.
 * @throws TsboxError as provideLayers; nothing is in the index then
 */
export async function adoptImages(
  images: readonly LoadableImage[],
  adoption: Adoption,
): Promise<AdoptedImage[]> {
  const records: LayerRecord[][] = [];
  const workers = layerWorkers(adoption.userns, adoption.self);
  try {
    for (const image of images) {
      const pathOf = (digest: Digest) => fileOf(image, digest).path;
      const source = { kind: "files", pathOf } as const;
      records.push(await provideLayers(image, { ...adoption, source, workers }));
    }
  } finally {
    workers.close();
  }
  return images.map((image, i) => register(adoption.dataRoot, image, records[i] ?? []));
}

function fileOf({ files }: LoadableImage, digest: Digest): SpooledFile {
  const file = files.get(digest);
  if (file === undefined) throw new Error(`no file for ${digest}`);
  return file;
}

function register(
  dataRoot: string,
  loadable: LoadableImage,
  records: readonly LayerRecord[],
): AdoptedImage {
  const naming = { names: loadable.names, digests: [] };
  const known = wholeKnown(dataRoot, loadable);
  if (known === undefined) {
    nameLayerBlobs(dataRoot, loadable);
    storeDocuments(dataRoot, loadable);
  }
  const described = describeImage(loadable, naming, records);
  const { image, before } = putImage(dataRoot, {
    ...described,
    ...(known && { ...known, names: naming.names }),
  });
  const moved = before.filter(({ id }) => id !== image.id).flatMap(({ id, names }) =>
    names.filter((name) => loadable.names.includes(name))
      .map((name) => ({ name: familiar(name), from: id }))
  );
  return { image, names: loadable.names.map(familiar), moved };
}

const familiar = (name: string) => parseReference(name).familiar;

/** The same image when the store has all of it: then it keeps the form, and the digests, in which it came. */
function wholeKnown(dataRoot: string, { manifest }: LoadableImage): StoredImage | undefined {
  const known = findImage(dataRoot, manifest.config.digest);
  if (known === undefined) return undefined;
  const digests = [known.id, known.manifestDigest, ...known.layers.map(({ digest }) => digest)];
  return digests.every((digest) => isDigest(digest) && hasBlob(dataRoot, digest))
    ? known
    : undefined;
}

function nameLayerBlobs(dataRoot: string, { files }: LoadableImage): void {
  for (const [digest, { path }] of files) {
    if (hasBlob(dataRoot, digest)) continue;
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    nameBlob(dataRoot, digest, path);
  }
}

/** The chain ids of layers that the images need and the store does not have yet. */
export function missingLayers(dataRoot: string, images: readonly LoadableImage[]): string[] {
  const wanted = images.flatMap(({ config }) => chainIDs(config.diffIds));
  return [...new Set(wanted)].filter((chainID) => !hasLayer(dataRoot, chainID));
}

/**
 * Deletes layers that were made for images that could not be adopted, unless others work with the store now: then
 * they stay, like those of a pull that failed. The caller has given layers.lock back.
 */
export async function discardLayers(
  chainIDs: readonly string[],
  { dataRoot, userns, self }: Pick<Adoption, "dataRoot" | "userns" | "self">,
): Promise<void> {
  const trees = takeUnusedLayers(dataRoot, chainIDs);
  if (trees.length > 0) await removeTrees(trees, userns(), self);
}
