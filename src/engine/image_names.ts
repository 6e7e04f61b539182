/** Names of images: which one has which. Pure. */
import { TsboxError } from "../errors.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import type { ImageEntry } from "../storage/image_index.ts";

/** A name means one image; the one that had it before may be dangling then. */
export function withoutNames<T extends ImageEntry>(image: T, names: readonly string[]): T {
  if (!image.names.some((name) => names.includes(name))) return image;
  return { ...image, names: image.names.filter((name) => !names.includes(name)) };
}

/**
 * What an image shall be called.
 * @throws TsboxError "invalid-argument" in docker's words, also for what can only be read: a digest
 */
export function newName(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined) {
    throw new TsboxError("invalid-argument", "refusing to create a tag with a digest reference");
  }
  if (reference.familiarName === "sha256") {
    throw new TsboxError(
      "invalid-argument",
      "refusing to create an ambiguous tag using digest algorithm as name",
    );
  }
  return reference;
}
