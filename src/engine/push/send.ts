/** Brings everything of a plan to the registry: layers first, at last what the tag shall mean. */
import type { Descriptor } from "../../oci/manifest.ts";
import { type Reference, withDigest } from "../../oci/reference.ts";
import type { RegistryUploader, Uploaded } from "../../registry/registry_uploader.ts";
import type { PushState } from "../push_events.ts";
import { inParallel } from "../pull/in_parallel.ts";
import { BlobFile } from "./blob_file.ts";
import type { PlannedImage, PushPlan } from "./plan.ts";

export interface SendWork {
  dataRoot: string;
  reference: Reference;
  uploader: RegistryUploader;
  /** Repositories to mount a layer from, by its digest. */
  sources: ReadonlyMap<string, readonly string[]>;
  /** Blobs at a time. */
  parallel: number;
  signal: AbortSignal;
  onLayer: (diffID: string, state: PushState) => void;
}

/** A layer is sent once, whatever images and however often an image has it. */
type WantedLayer = PlannedImage["layers"][number];

/** Milliseconds between two numbers of one layer: eyes follow no faster. */
const EVERY = 80;

/** @throws TsboxError as RegistryUploader, "corrupt" and "not-found" of the store */
export async function sendPlan(plan: PushPlan, work: SendWork): Promise<void> {
  const { reference, uploader, signal, parallel } = work;
  const layers = distinctLayers(plan.images);
  for (const { diffID } of layers.slice(parallel)) work.onLayer(diffID, { state: "waiting" });
  await inParallel(layers, parallel, signal, (layer, signal) => sendLayer(layer, work, signal));
  // A manifest is refused while the registry lacks what it names.
  await inParallel(plan.images, parallel, signal, async ({ config }, signal) => {
    await sendBlob(config, work, signal, { onBytes: () => {}, onRetry: () => {} });
  });
  for (const { manifest: { descriptor, bytes } } of plan.images) {
    if (descriptor.digest === plan.top.descriptor.digest) continue;
    const pinned = withDigest(reference, descriptor.digest);
    await uploader.manifest(pinned, bytes, descriptor.mediaType, { signal });
  }
  const { descriptor, bytes } = plan.top;
  await uploader.manifest(reference, bytes, descriptor.mediaType, { signal });
}

/** The top one first, as docker shows them. */
export function distinctLayers(images: readonly PlannedImage[]): WantedLayer[] {
  const layers = images.flatMap((image) => image.layers.toReversed());
  return [...new Map(layers.map((layer) => [layer.descriptor.digest, layer])).values()];
}

async function sendLayer(
  { descriptor, diffID }: WantedLayer,
  work: SendWork,
  signal: AbortSignal,
): Promise<void> {
  const total = descriptor.size;
  let last = -Infinity;
  const uploaded = await sendBlob(descriptor, work, signal, {
    onBytes(current) {
      const now = performance.now();
      if (now - last < EVERY && current < total) return;
      last = now;
      work.onLayer(diffID, { state: "pushing", current, total });
    },
    onRetry({ reason, delay }) {
      const seconds = Math.max(1, Math.round(delay / 1000));
      work.onLayer(diffID, { state: "retrying", reason, seconds });
    },
  });
  work.onLayer(diffID, finalState(uploaded));
}

function finalState(uploaded: Uploaded): PushState {
  switch (uploaded.how) {
    case "existed":
      return { state: "exists" };
    case "mounted":
      return { state: "mounted", from: uploaded.from };
    case "sent":
      return { state: "pushed" };
  }
}

async function sendBlob(
  descriptor: Descriptor,
  { dataRoot, reference, uploader, sources }: SendWork,
  signal: AbortSignal,
  told: {
    onBytes: (position: number) => void;
    onRetry: (notice: { reason: string; delay: number }) => void;
  },
): Promise<Uploaded> {
  const source = new BlobFile(dataRoot, descriptor);
  try {
    const mountFrom = sources.get(descriptor.digest) ?? [];
    return await uploader.blob(reference, source, { ...told, mountFrom, signal });
  } finally {
    source.close();
  }
}
