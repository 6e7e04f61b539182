/** `load`: the images of an archive into the store, every byte checked before anything is in the index. */
import { rmSync } from "node:fs";
import { makeDirectory } from "../ffi/quick_files.ts";
import { parsePlatform } from "../oci/platform.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { logEvents } from "../storage/event_log.ts";
import { openStore } from "../storage/layout.ts";
import { lockFileSoon } from "../storage/lock.ts";
import { temporaryPlace } from "../storage/temporary.ts";
import { type AdoptedImage, adoptImages, discardLayers, missingLayers } from "./archive/adopt.ts";
import type { ArchiveInput } from "./archive/input.ts";
import { readArchive } from "./archive/read_archive.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { ownNamespace } from "./own_namespace.ts";
import type { LayerState } from "./pull_events.ts";
import { unpackLimits } from "./pull/limits.ts";
import { sweepStore } from "./sweep.ts";

export type { AdoptedImage };

export interface LoadOptions {
  /** How to start this executable again, for workers. */
  self: SelfCommand;
  /** `os/architecture[/variant]` to choose where the archive has several; else this machine's goes first. */
  platform?: string;
  signal: AbortSignal;
  /** Told of every layer that is unpacked. */
  onLayer?: (digest: string, state: LayerState) => void;
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
  const { self, signal } = options;
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const { layersLock } = openStore(dataRoot);
  const limits = unpackLimits(context);
  const onLayer = options.onLayer ?? (() => {});
  const adoption = { dataRoot, userns: ownNamespace(context), self, limits, signal, onLayer };
  // What is unpacked but not in the index yet must not be taken for unneeded.
  const lock = await lockFileSoon(layersLock, "shared", { signal });
  const place = temporaryPlace(dataRoot, "load");
  let made: string[] = [];
  try {
    makeDirectory(place.path, 0o700);
    const reading = {
      input,
      folder: place.path,
      maxBytes: limits.bytes,
      dataRoot,
      platform,
      signal,
    };
    const images = await readArchive(reading);
    made = missingLayers(dataRoot, images);
    const adopted = await adoptImages(images, adoption);
    logEvents(dataRoot, adopted.map(({ image: { id } }) => imageEvent("load", id)));
    return adopted;
  } catch (error) {
    lock.release();
    await discardLayers(made, adoption);
    throw error;
  } finally {
    rmSync(place.path, { recursive: true, force: true });
    place.release();
    lock.release();
    await sweepStore(dataRoot, adoption.userns, self);
  }
}
