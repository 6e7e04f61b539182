/** What every command does that makes images of files: a place of its own, the locks, and nothing left when it fails. */
import { rmSync } from "node:fs";
import { makeDirectory } from "../../ffi/quick_files.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import { openStore } from "../../storage/layout.ts";
import { lockFileSoon } from "../../storage/lock.ts";
import { temporaryPlace } from "../../storage/temporary.ts";
import type { UnpackLimits } from "../../storage/unpack.ts";
import type { EngineContext } from "../context.ts";
import { ownNamespace } from "../own_namespace.ts";
import { unpackLimits } from "../pull/limits.ts";
import type { LayerState } from "../pull_events.ts";
import { sweepStore } from "../sweep.ts";
import { type AdoptedImage, adoptImages, discardLayers, missingLayers } from "./adopt.ts";
import type { LoadableImage } from "./loadable_image.ts";

export interface AdoptionOptions {
  /** How to start this executable again, for workers. */
  self: SelfCommand;
  signal: AbortSignal;
  /** Told of every layer that is unpacked. */
  onLayer?: (digest: string, state: LayerState) => void;
}

/** What the maker of images works with. */
export interface AdoptionPlace {
  /** Absolute path of an empty folder in the store, which is deleted at the end. */
  folder: string;
  limits: UnpackLimits;
  /** Makes images whose files are in the folder part of the store: all of them or none. */
  adopt(images: readonly LoadableImage[]): Promise<AdoptedImage[]>;
}

/**
 * Runs `make`; when it fails, what it unpacked goes again.
 * @param what a word for people who look into tmp/
 * @throws TsboxError "cancelled", what `make` throws, and as {@link adoptImages}
 */
export async function withAdoption<T>(
  context: EngineContext,
  what: string,
  { self, signal, onLayer = () => {} }: AdoptionOptions,
  make: (place: AdoptionPlace) => Promise<T>,
): Promise<T> {
  const { dataRoot } = context;
  const { layersLock } = openStore(dataRoot);
  const limits = unpackLimits(context);
  const adoption = { dataRoot, userns: ownNamespace(context), self, limits, signal, onLayer };
  // What is unpacked but not in the index yet must not be taken for unneeded.
  const lock = await lockFileSoon(layersLock, "shared", { signal });
  const place = temporaryPlace(dataRoot, what);
  let made: string[] = [];
  const adopt = (images: readonly LoadableImage[]) => {
    made = missingLayers(dataRoot, images);
    return adoptImages(images, adoption);
  };
  try {
    makeDirectory(place.path, 0o700);
    return await make({ folder: place.path, limits, adopt });
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
