/** `tag`: one more name for an image. */
import { findImageIn, type ImageEntry, updateImages } from "../storage/image_index.ts";
import { TsboxError } from "../errors.ts";
import { logEvents } from "../storage/event_log.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { newName, withoutNames } from "./image_names.ts";
import { noSuchImage } from "./images.ts";
import { storedName } from "./short_names.ts";

/**
 * Gives the image that `source` means the name `target`, which is taken from the one that has it.
 * Throws TsboxError("not-found"), or ("invalid-argument") for a name that cannot be given.
 */
export function tagImage(context: EngineContext, source: string, target: string): void {
  const { canonical, familiar } = parsed(target, () => newName(target));
  const name = storedName(context, source);
  let id = "";
  updateImages(context.dataRoot, (images) => {
    const image = parsed(source, () => findImageIn(images, name));
    if (image === undefined) throw noSuchImage(source);
    id = image.id;
    return images.map((other) =>
      other === image ? named(image, canonical) : withoutNames(other, [canonical])
    );
  });
  logEvents(context.dataRoot, [imageEvent("tag", id, familiar)]);
}

/** Of two names docker says which one it cannot read. */
function parsed<T>(text: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const { message } = error instanceof TsboxError ? error : { message: "" };
    if (!message.startsWith("invalid reference format")) throw error;
    throw new TsboxError(
      "invalid-argument",
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${message}`,
      { cause: error },
    );
  }
}

function named(image: ImageEntry, name: string): ImageEntry {
  const names = image.names.includes(name) ? image.names : [...image.names, name];
  return { ...image, names, tagged: new Date().toISOString() };
}
