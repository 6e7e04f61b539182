/** The image index itself. */
import { existsSync, readFileSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import { type ImageEntry, listEntries, replaceIndex } from "../../storage/image_index.ts";
import { storePaths } from "../../storage/layout.ts";
import { type CheckedImage, describeImage } from "../pull/register.ts";
import { chainIDs, hasLayer, readLayerRecord } from "../../storage/layers.ts";
import type { Problem } from "./problem.ts";

/**
 * An index that cannot be read.
 * @throws TsboxError "unsupported" when a newer tsbox wrote it: then nothing here is ours to judge
 */
export function checkIndex(
  dataRoot: string,
  inBlobs: () => ReadonlyMap<string, CheckedImage>,
): Problem[] {
  try {
    listEntries(dataRoot);
    return [];
  } catch (error) {
    if (!(error instanceof TsboxError) || error.code !== "corrupt") throw error;
    return [{
      what: "image index: images.json cannot be read",
      remedy: "makes it anew from the index before it and the manifests and configs in blobs/",
      mend: () => rebuildIndex(dataRoot, inBlobs()),
    }];
  }
}

/** Names are in no blob: they come from the index that the lost one replaced. */
function rebuildIndex(dataRoot: string, inBlobs: ReadonlyMap<string, CheckedImage>): void {
  const before = previousEntries(dataRoot);
  const whole = [...inBlobs.values()].filter(({ config }) =>
    chainIDs(config.diffIds).every((chainID) => hasLayer(dataRoot, chainID))
  );
  const images = whole.map((image) => {
    const known = before.find(({ id }) => id === image.manifest.config.digest);
    const records = chainIDs(image.config.diffIds).map((id) => readLayerRecord(dataRoot, id));
    const described = describeImage(image, known ?? { names: [], digests: [] }, records);
    return { ...described, ...known };
  });
  const made = new Set(images.map(({ id }) => id));
  replaceIndex(dataRoot, [...before.filter(({ id }) => !made.has(id)), ...images]);
}

function previousEntries(dataRoot: string): ImageEntry[] {
  const path = `${storePaths(dataRoot).images}.old`;
  if (!existsSync(path)) return [];
  try {
    const file: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isIndex(file) ? file.images : [];
  } catch {
    return [];
  }
}

function isIndex(value: unknown): value is { images: ImageEntry[] } {
  return typeof value === "object" && value !== null && "images" in value &&
    Array.isArray(value.images);
}
