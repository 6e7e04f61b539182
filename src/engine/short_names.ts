/** Names of images that say no registry, when the settings say where to look for them. */
import { TsboxError } from "../errors.ts";
import { namesRegistry, parseReference, type Reference } from "../oci/reference.ts";
import { findImageIn, listEntries } from "../storage/image_index.ts";
import type { EngineContext } from "./context.ts";

/**
 * What `text` is called here: with the first of the search registries in front under which an image is in
 * the store; as it is when there is none, or it is no short name. Costs nothing without the setting.
 * @throws TsboxError as findImage
 */
export function storedName({ dataRoot, settings }: EngineContext, text: string): string {
  const registries = settings["search-registries"];
  if (registries === undefined || !isShort(text)) return text;
  const images = listEntries(dataRoot);
  for (const registry of registries) {
    const full = `${registry}/${text}`;
    if (findImageIn(images, full) !== undefined) return full;
  }
  return text;
}

/**
 * Where `text` may come from, best first.
 * @throws TsboxError as parseReference
 */
export function searchedReferences({ settings }: EngineContext, text: string): Reference[] {
  const plain = parseReference(text);
  const registries = settings["search-registries"];
  if (registries === undefined || !isShort(text)) return [plain];
  return registries.map((registry) => parseReference(`${registry}/${text}`));
}

function isShort(text: string): boolean {
  return !text.startsWith("sha256:") && !namesRegistry(text);
}

/**
 * What `look` finds for the first reference that is there. Only a registry that says that it has no such
 * image, or shows none, passes the search on: else whoever keeps one from answering would choose the image.
 * @throws TsboxError "not-found" when none has it, and whatever else `look` throws
 */
export async function firstFound<T>(
  references: readonly Reference[],
  look: (reference: Reference) => Promise<T>,
): Promise<{ reference: Reference; found: T }> {
  const failures: TsboxError[] = [];
  for (const reference of references) {
    try {
      return { reference, found: await look(reference) };
    } catch (error) {
      if (!(error instanceof TsboxError) || references.length === 1 || !isAbsence(error)) {
        throw error;
      }
      failures.push(error);
    }
  }
  const places = references.map(({ registry }) => registry).join(", ");
  const [name] = references.map(({ repository, tag }) => `${repository}:${tag}`);
  throw new TsboxError("not-found", `Cannot find ${name} in ${places}`, {
    hint: failures.map(({ message }) => message).join("; "),
  });
}

function isAbsence({ code }: TsboxError): boolean {
  return code === "not-found" || code === "unauthorized";
}
