/** `tag`: one more name for an image. */
import { findImageIn, type ImageEntry, updateImages } from "../storage/image_index.ts";
import type { EngineContext } from "./context.ts";
import { newName, withoutNames } from "./image_names.ts";
import { noSuchImage } from "./images.ts";
import { storedName } from "./short_names.ts";

/**
 * Gives the image that `source` means the name `target`, which is taken from the one that has it.
 * Throws TsboxError("not-found"), or ("invalid-argument") for a name that cannot be given.
 */
export function tagImage(context: EngineContext, source: string, target: string): void {
  const { canonical } = newName(target);
  const name = storedName(context, source);
  updateImages(context.dataRoot, (images) => {
    const image = findImageIn(images, name);
    if (image === undefined) throw noSuchImage(source);
    return images.map((other) =>
      other === image ? named(image, canonical) : withoutNames(other, [canonical])
    );
  });
}

function named(image: ImageEntry, name: string): ImageEntry {
  const names = image.names.includes(name) ? image.names : [...image.names, name];
  return { ...image, names, tagged: new Date().toISOString() };
}
