/** `load`: the images of an archive into the store, every byte checked before anything is in the index. */
import { hostPlatform, parsePlatform } from "../oci/platform.ts";
import { logEvents } from "../storage/event_log.ts";
import type { AdoptedImage } from "./archive/adopt.ts";
import { type AdoptionOptions, withAdoption } from "./archive/adoption.ts";
import type { ArchiveInput } from "./archive/input.ts";
import type { PlatformChoice } from "./archive/oci_images.ts";
import { readArchive } from "./archive/read_archive.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { settingOf } from "./settings/table.ts";

export type { AdoptedImage };

export interface LoadOptions extends AdoptionOptions {
  /** `os/architecture[/variant]` to choose where the archive has several; else what `default-platform` says, else this machine's. */
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
  const platform = platformChoice(context, options.platform);
  return await withAdoption(context, "load", options, async ({ folder, limits, adopt }) => {
    const maxBytes = limits.bytes;
    const adopted = await adopt(
      await readArchive({ input, folder, maxBytes, dataRoot, platform, signal }),
    );
    logEvents(dataRoot, adopted.map(({ image: { id } }) => imageEvent("load", id)));
    return adopted;
  });
}

function platformChoice({ settings }: EngineContext, text: string | undefined): PlatformChoice {
  if (text !== undefined) {
    const asked = parsePlatform(text);
    return { asked, best: asked };
  }
  const set = settingOf(settings, "default-platform");
  return { asked: undefined, best: set === undefined ? hostPlatform() : parsePlatform(set) };
}
