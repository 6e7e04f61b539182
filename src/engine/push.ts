/** `push`: images from the store to a registry, byte for byte, so that digests survive. */
import { TsboxError } from "../errors.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { RegistryUploader } from "../registry/registry_uploader.ts";
import { hasBlob } from "../storage/content_store.ts";
import { listImages, type StoredImage, updateImages } from "../storage/image_index.ts";
import { logEvents } from "../storage/event_log.ts";
import { openStore } from "../storage/layout.ts";
import { lockFileSoon } from "../storage/lock.ts";
import { dropUnneededBlobs } from "../storage/unneeded_blobs.ts";
import { type StoredContents, storedContents } from "./archive/stored_contents.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { withCompressedLayers } from "./push/compress.ts";
import {
  imageForPlatform,
  mountSources,
  ownContents,
  type PlannedImage,
  planPush,
} from "./push/plan.ts";
import { distinctLayers, sendPlan } from "./push/send.ts";
import type { PushEvent } from "./push_events.ts";
import { registryOptions } from "./registry_options.ts";
import { settingOf } from "./settings/table.ts";

export type { PushEvent } from "./push_events.ts";

export interface PushOptions {
  /** Every tag of the repository; the name has none then. */
  allTags?: boolean;
  /** `os/architecture[/variant]`: this image alone, not the index it came from. */
  platform?: string;
  /** Interrupts; what the registry has by then it keeps. */
  signal?: AbortSignal;
  onEvent?: (event: PushEvent) => void;
}

/** One tag to be pushed. */
interface Target {
  reference: Reference;
  image: StoredImage;
}

/** What all tags of a push have in common. */
interface PushRun extends Pick<PushOptions, "platform"> {
  dataRoot: string;
  uploader: RegistryUploader;
  /** Blobs at a time. */
  parallel: number;
  signal: AbortSignal;
  tell: (event: PushEvent) => void;
}

/**
 * Pushes the image called `text`, or with `allTags` all images of that repository.
 * @throws TsboxError "not-found" when there is no such image, "corrupt" when a blob was changed in the
 *   store, "unauthorized", "unavailable", "cancelled"
 */
export async function pushImage(
  text: string,
  context: EngineContext,
  options: PushOptions = {},
): Promise<void> {
  const { dataRoot, settings } = context;
  const reference = pushable(text);
  const signal = options.signal ?? new AbortController().signal;
  const run: PushRun = {
    dataRoot,
    signal,
    ...(options.platform !== undefined && { platform: options.platform }),
    parallel: settingOf(settings, "max-concurrent-uploads"),
    tell: options.onEvent ?? (() => {}),
    uploader: new RegistryUploader(registryOptions(context)),
  };
  // As long as it is held, nobody takes blobs away.
  const lock = await lockFileSoon(openStore(dataRoot).layersLock, "shared", { signal });
  const replaced: string[] = [];
  try {
    const targets = findTargets(listImages(dataRoot), reference, options.allTags ?? false);
    run.tell({ kind: "repository", name: reference.name });
    for (const target of targets) replaced.push(...await pushOne(target, run));
  } finally {
    lock.release();
    dropUnneededBlobs(dataRoot, replaced);
  }
}

/** @throws TsboxError "invalid-argument" in docker's words */
function pushable(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest === undefined) return reference;
  throw new TsboxError("invalid-argument", "cannot push a digest reference", {
    hint: "push a tag",
  });
}

function findTargets(
  images: readonly StoredImage[],
  reference: Reference,
  allTags: boolean,
): Target[] {
  const isMeant = (name: string) =>
    allTags ? name.startsWith(`${reference.name}:`) : name === reference.canonical;
  const targets = images.flatMap((image) =>
    image.names.filter(isMeant).map((name) => ({ image, reference: parseReference(name) }))
  );
  if (targets.length > 0) {
    return targets.sort((a, b) => a.reference.canonical < b.reference.canonical ? -1 : 1);
  }
  throw new TsboxError(
    "not-found",
    `An image does not exist locally with the tag: ${reference.familiarName}`,
    { hint: "'tsbox images' lists those there are" },
  );
}

/** Returns the digests of blobs that others have taken the place of. */
async function pushOne({ reference, image }: Target, run: PushRun): Promise<string[]> {
  const { dataRoot, signal, tell, platform } = run;
  const images = listImages(dataRoot);
  const meant = platform === undefined
    ? image
    : imageForPlatform(images, image, platform, reference);
  const sources = mountSources(images, reference);
  const stored = await exactContents(meant, reference, sources, run) ??
    storedContents(dataRoot, meant, images);
  const contents = await pushedForm(stored, images, run);
  const own = planned(contents);
  const plan = planPush(dataRoot, contents.image, own, platform !== undefined);
  for (const { diffID } of distinctLayers(plan.images)) {
    tell({ kind: "layer", diffID, state: { state: "preparing" } });
  }
  await sendPlan(plan, {
    dataRoot,
    reference,
    uploader: run.uploader,
    sources,
    parallel: run.parallel,
    signal,
    onLayer: (diffID, state) => tell({ kind: "layer", diffID, state }),
  });
  const { digest, size } = plan.top.descriptor;
  remember(dataRoot, meant.id, `${reference.name}@${digest}`);
  logEvents(dataRoot, [imageEvent("push", reference.familiar, reference.familiarName)]);
  tell({ kind: "pushed", tag: reference.tag ?? "latest", digest, size });
  if (plan.incomplete !== undefined) {
    tell({ kind: "single-platform", index: plan.incomplete, manifest: digest });
  }
  const kept = new Set<string>(contents.layers.map((layer) => layer.digest));
  return stored.layers.map((layer) => layer.digest).filter((digest) => !kept.has(digest));
}

/**
 * The image by its own manifest, when the registry has the layers that the store has only unpacked or in another
 * form, because another image brought them; undefined when it lacks one.
 */
async function exactContents(
  image: StoredImage,
  reference: Reference,
  sources: ReadonlyMap<string, readonly string[]>,
  { dataRoot, uploader, signal }: PushRun,
): Promise<StoredContents | undefined> {
  const contents = isFromRegistry(image) ? ownContents(dataRoot, image) : undefined;
  for (const layer of contents?.layers ?? []) {
    if (hasBlob(dataRoot, layer.digest)) continue;
    const mountFrom = sources.get(layer.digest);
    if (!await uploader.has(reference, layer, { mountFrom, signal })) return undefined;
  }
  return contents;
}

/** Whether a registry has its manifest, or had it: its digest is known to others then. */
function isFromRegistry({ digests, manifestDigest, indexDigest }: StoredImage): boolean {
  return digests.some((text) => {
    const digest = text.slice(text.indexOf("@") + 1);
    return digest === manifestDigest || digest === indexDigest;
  });
}

/**
 * What came from a registry goes back as it came. What was loaded or made here has digests nobody knows
 * yet: its plain layers are compressed, as docker does.
 */
async function pushedForm(
  contents: StoredContents,
  images: readonly StoredImage[],
  { dataRoot, signal, tell }: PushRun,
): Promise<StoredContents> {
  if (isFromRegistry(contents.image)) return contents;
  return await withCompressedLayers(dataRoot, contents, images, {
    signal,
    onProgress: (diffID, current, total) =>
      tell({ kind: "layer", diffID, state: { state: "compressing", current, total } }),
  });
}

function planned({ image, manifest, config, layers }: StoredContents): PlannedImage {
  return {
    manifest,
    config,
    layers: layers.map((descriptor, i) => ({ descriptor, diffID: image.layers[i]?.diffID ?? "" })),
  };
}

/** The image can be pulled by this digest now: docker's RepoDigests. */
function remember(dataRoot: string, id: string, pinned: string): void {
  const known = listImages(dataRoot).find((image) => image.id === id);
  if (known === undefined || known.digests.includes(pinned)) return;
  updateImages(
    dataRoot,
    (images) =>
      images.map((image) =>
        image.id !== id || image.digests.includes(pinned)
          ? image
          : { ...image, digests: [...image.digests, pinned] }
      ),
  );
}
