/** `load`: the images of an archive into the store, every byte checked before anything is in the index. */
import { parsePlatform } from "../oci/platform.ts";
import { logEvents } from "../storage/event_log.ts";
import type { AdoptedImage } from "./archive/adopt.ts";
import { type AdoptionOptions, withAdoption } from "./archive/adoption.ts";
import type { ArchiveInput } from "./archive/input.ts";
import { readArchive } from "./archive/read_archive.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";

export type { AdoptedImage };

export interface LoadOptions extends AdoptionOptions {
  /** `os/architecture[/variant]` to choose where the archive has several; else this machine's goes first. */
  platform?: string;
}

/**
 * Loads all images of an archive: a docker archive or an OCI image layout, plain or compressed by gzip or zstd.
 * All of them or none get into the index. Two loads of one layer at once share the work.
 * @throws TsboxError "corrupt", "unsupported", "limit-exceeded", "invalid-argument", "not-found", "no-space",
 *   "cancelled": nothing is left then
 */
export async function loadImages(
  context: EngineContext,
  input: ArchiveInput,
  options: LoadOptions,
): Promise<AdoptedImage[]> {
  const { dataRoot } = context;
  const { signal } = options;
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  return await withAdoption(context, "load", options, async ({ folder, limits, adopt }) => {
    const maxBytes = limits.bytes;
    const adopted = await adopt(
      await readArchive({ input, folder, maxBytes, dataRoot, platform, signal }),
    );
    logEvents(dataRoot, adopted.map(({ image: { id } }) => imageEvent("load", id)));
    return adopted;
  });
}
