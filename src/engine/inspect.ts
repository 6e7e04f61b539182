/** `inspect`: one object of the store in full, by any of its names. */
import { TsboxError } from "../errors.ts";
import { findContainer } from "../storage/find_container.ts";
import { listEntries, wholeImage } from "../storage/image_index.ts";
import type { EngineContext } from "./context.ts";
import { imageForPlatform } from "./image_platform.ts";
import { containerInspection } from "./inspect_container.ts";
import { imageInspection } from "./inspect_image.ts";
import { volumeInfo } from "./volumes.ts";

/** What is looked for; undefined: a container, else an image, else a volume. */
export type ObjectType = "container" | "image" | "volume" | undefined;

/**
 * The object that `text` means, in the shape of Docker's API; an image only if it is for `platform`.
 * Throws TsboxError("not-found"), or ("invalid-argument") when a prefix is ambiguous.
 */
export function inspectObject(
  context: EngineContext,
  text: string,
  type: ObjectType,
  platform?: string,
) {
  if (type === "container") return inspectContainer(context, text);
  if (type === "image") return inspectImage(context, text, platform);
  if (type === "volume") return volumeInfo(context, text);
  return orNothing(() => inspectContainer(context, text)) ??
    orNothing(() => inspectImage(context, text)) ??
    orNothing(() => volumeInfo(context, text)) ?? noSuchObject(text);
}

function inspectContainer({ dataRoot }: EngineContext, text: string) {
  const found = findContainer(dataRoot, text);
  const entry = listEntries(dataRoot).find(({ id }) => id === found.record.image.id);
  const image = entry === undefined ? undefined : wholeImage(dataRoot, entry);
  return containerInspection(dataRoot, found, image);
}

function inspectImage(context: EngineContext, text: string, platform?: string) {
  return imageInspection(context.dataRoot, imageForPlatform(context, text, platform));
}

/** Not being one kind of object, not even by its form, leaves the other. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    const absent = thrown instanceof TsboxError && thrown.code === "not-found";
    const malformed = thrown instanceof TsboxError && thrown.message.startsWith("invalid ref");
    if (absent || malformed) return undefined;
    throw thrown;
  }
}

function noSuchObject(text: string): never {
  throw new TsboxError("not-found", `No such object: ${text}`);
}
