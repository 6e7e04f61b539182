/** `pull`: an image from a registry into the store, every byte checked, unpacked while it comes. */
import { hostPlatform, parsePlatform } from "../oci/platform.ts";
import { RegistryClient } from "../registry/registry_client.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { storedDocument } from "../storage/content_store.ts";
import { listEntries, type StoredImage } from "../storage/image_index.ts";
import { logEvents } from "../storage/event_log.ts";
import { openStore } from "../storage/layout.ts";
import { lockFileSoon } from "../storage/lock.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { ownNamespace } from "./own_namespace.ts";
import type { PullEvent } from "./pull_events.ts";
import { layerWorkers, provideLayers } from "./pull/layers.ts";
import { unpackLimits } from "./pull/limits.ts";
import { registerImage } from "./pull/register.ts";
import { resolveImage, type Resolving } from "./pull/resolve.ts";
import { registryOptions } from "./registry_options.ts";
import { firstFound, searchedReferences } from "./short_names.ts";
import { settingOf } from "./settings/table.ts";
import { sweepStore } from "./sweep.ts";

export type { PullEvent } from "./pull_events.ts";

export interface PullOptions {
  /** How to start this executable again, for workers. */
  self: SelfCommand;
  /** `os/architecture[/variant]`; when not given, the setting's, else the machine's own. */
  platform?: string;
  /** Interrupts; what was downloaded stays for the next pull. */
  signal?: AbortSignal;
  onEvent?: (event: PullEvent) => void;
}

/**
 * Pulls `text` and returns the image as the store has it then.
 *
 * Interrupted, killed or cut at any moment it leaves a consistent store, and the next pull goes on from
 * what is there. Two pulls at once share the work.
 * @throws TsboxError of every kind the registry, the image and the host give reason for; "cancelled"
 */
export async function pullImage(
  text: string,
  context: EngineContext,
  options: PullOptions,
): Promise<StoredImage> {
  // What cannot be a name is said before anything is waited for.
  searchedReferences(context, text);
  const { layersLock } = openStore(context.dataRoot);
  const signal = options.signal ?? new AbortController().signal;
  // What is unpacked but not in the index yet must not be taken for unneeded.
  const lock = await lockFileSoon(layersLock, "shared", { signal });
  try {
    return await pullLocked(text, context, { ...options, signal });
  } finally {
    lock.release();
    await sweepStore(context.dataRoot, ownNamespace(context), options.self);
  }
}

/** {@link pullImage} for who holds layers.lock. */
export async function pullLocked(
  text: string,
  context: EngineContext,
  options: PullOptions & { signal: AbortSignal },
): Promise<StoredImage> {
  const { dataRoot, settings } = context;
  const references = searchedReferences(context, text);
  const userns = ownNamespace(context);
  const { signal, self } = options;
  const tell = options.onEvent ?? (() => {});
  const client = new RegistryClient(registryOptions(context));
  const platform = options.platform ?? settingOf(settings, "default-platform");
  const wanted = platform === undefined ? hostPlatform() : parsePlatform(platform);
  const isAsked = platform !== undefined;
  const resolving: Resolving = {
    signal,
    known: (descriptor, limit) => storedDocument(dataRoot, descriptor, limit),
  };
  const { reference, found: remote } = await firstFound(
    references,
    (one) => resolveImage(client, one, wanted, isAsked, resolving),
  );
  const { tag = reference.digest ?? "latest", repository: name, tagIsDefault } = reference;
  tell({ kind: "resolved", tag, name, defaultTag: tagIsDefault });
  // Of an image that is here docker says nothing of layers.
  const isHere = listEntries(dataRoot).some(({ id }) => id === remote.manifest.config.digest);
  const atOnce = settingOf(settings, "max-concurrent-downloads");
  const workers = layerWorkers(userns, self, atOnce);
  const records = await provideLayers(remote, {
    dataRoot,
    source: { kind: "registry", reference, client },
    userns,
    self,
    workers,
    limits: unpackLimits(context),
    atOnce,
    signal,
    onLayer: (digest, state) => {
      if (!isHere || state.state !== "exists") tell({ kind: "layer", digest, state });
    },
  }).finally(() => workers.close());
  const { image, newer } = registerImage(dataRoot, reference, remote, records);
  logEvents(dataRoot, [imageEvent("pull", reference.familiar, name)]);
  tell({ kind: "digest", digest: remote.top.descriptor.digest });
  tell({ kind: "done", reference: reference.canonical, newer });
  return image;
}
