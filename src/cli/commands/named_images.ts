/** The lines of `images`: an image for each of its names. */
import type { ImageSummary } from "../../engine/api_types.ts";
import type { ListedImage } from "../../engine/images.ts";
import { familiarForm } from "../../oci/reference.ts";

/** Docker's word for a name that is not there. */
export const NONE = "<none>";
const ONE_NONE = [NONE];

/** An image by one of its names: a line of the list. */
export interface NamedImage {
  image: Pick<ImageSummary, "Id" | "Created" | "Size" | "SharedSize" | "Containers">;
  repository: string;
  tag: string;
  digest: string;
}

// Plain loops: what is called for each of a thousand images is interpreted, and a method
// with a callback takes as long as ten rounds of a loop, as does taking an array apart by a pattern.

/** All lines of a list. @param digests one for each digest, too */
export function namedImages(images: readonly ListedImage[], digests: boolean): NamedImage[] {
  const all: NamedImage[] = [];
  for (const image of images) addNames(all, image, digests);
  return all;
}

/** One for each name; with digests, for each name and digest of a repository. */
function addNames(all: NamedImage[], image: ListedImage, digests: boolean): void {
  const before = all.length;
  const repositories: string[] = [];
  for (const name of image.names) {
    const colon = name.lastIndexOf(":");
    const full = name.slice(0, colon);
    const repository = familiarForm(full);
    const tag = name.slice(colon + 1);
    repositories.push(full);
    const own = digests ? digestsOf(image, full) : ONE_NONE;
    for (const digest of own) all.push({ image, repository, tag, digest });
  }
  for (const name of image.digests) {
    const at = name.lastIndexOf("@");
    const full = name.slice(0, at);
    if (repositories.includes(full)) continue;
    if (!digests) repositories.push(full);
    const repository = familiarForm(full);
    all.push({ image, repository, tag: NONE, digest: name.slice(at + 1) });
  }
  if (all.length === before) all.push({ image, repository: NONE, tag: NONE, digest: NONE });
}

function digestsOf(image: ListedImage, repository: string): readonly string[] {
  const digests: string[] = [];
  for (const text of image.digests) {
    if (text.startsWith(`${repository}@`)) digests.push(text.slice(repository.length + 1));
  }
  return digests.length > 0 ? digests : ONE_NONE;
}
