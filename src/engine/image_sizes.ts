/**
 * How much of the disk images take, and how much of that each has alone. Two figures, never mixed: the files
 * of unpacked layers, which is an image's size, and with the blobs as received, which is its use of the disk.
 */
import { blobSize, blobsOf, layerSize } from "../storage/image_files.ts";
import { listImages, type StoredImage } from "../storage/image_index.ts";

/** Bytes; `shared` is the part of `size` that other images have as well. */
export interface DiskShare {
  size: number;
  shared: number;
}

/** A thing on the disk, and how many images need it. */
interface Part {
  size: number;
  images: StoredImage[];
}

/** All parts of all images, each once. */
export interface ImageParts {
  images: readonly StoredImage[];
  /** By chain id. */
  layers: ReadonlyMap<string, Part>;
  /** By digest. */
  blobs: ReadonlyMap<string, Part>;
}

/** Looks at every blob and at every layer's record once. */
export function readImageParts(dataRoot: string): ImageParts {
  const images = listImages(dataRoot);
  return {
    images,
    layers: partsOf(images, (i) => i.chainIDs, (chainID) => layerSize(dataRoot, chainID)),
    blobs: partsOf(images, blobsOf, (digest) => blobSize(dataRoot, digest)),
  };
}

function partsOf(
  images: readonly StoredImage[],
  names: (image: StoredImage) => Iterable<string>,
  sizeOf: (name: string) => number,
): Map<string, Part> {
  const parts = new Map<string, Part>();
  for (const image of images) {
    for (const name of new Set(names(image))) {
      const known = parts.get(name);
      if (known === undefined) parts.set(name, { size: sizeOf(name), images: [image] });
      else known.images.push(image);
    }
  }
  return parts;
}

/** What each image's unpacked layers take, by its id. */
export function layerShares({ images, layers }: ImageParts): Map<string, DiskShare> {
  return shares(images, [...layers.values()]);
}

/** What each image takes with the blobs as received, by its id. */
export function diskShares({ images, layers, blobs }: ImageParts): Map<string, DiskShare> {
  return shares(images, [...layers.values(), ...blobs.values()]);
}

/** Bytes of the blobs of each image, by its id. */
export function contentSizes({ images, blobs }: ImageParts): Map<string, number> {
  return new Map([...shares(images, [...blobs.values()])].map(([id, { size }]) => [id, size]));
}

function shares(
  images: readonly StoredImage[],
  parts: readonly Part[],
): Map<string, DiskShare> {
  const found = new Map(images.map(({ id }) => [id, { size: 0, shared: 0 }]));
  for (const { size, images: users } of parts) {
    for (const { id } of users) {
      const share = found.get(id);
      if (share === undefined) continue;
      share.size += size;
      if (users.length > 1) share.shared += size;
    }
  }
  return found;
}

/** Bytes of all parts, and of those that only images need which `isUsed` does not hold for. */
export function totalSizes(
  { layers, blobs }: ImageParts,
  isUsed: (image: StoredImage) => boolean,
): { total: number; reclaimable: number } {
  const parts = [...layers.values(), ...blobs.values()];
  const sum = (some: readonly Part[]) => some.reduce((total, { size }) => total + size, 0);
  return { total: sum(parts), reclaimable: sum(parts.filter((p) => !p.images.some(isUsed))) };
}
