/** One layer of an image: from "not here" to an unpacked directory with its final name. */
import { closeSync, existsSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import type { Digest } from "../../oci/digest.ts";
import { throwIfCancelled } from "../../registry/retry.ts";
import { blobPath, hasBlob, nameBlob, partialPath } from "../../storage/content_store.ts";
import { hasLayer, layerHome, type LayerRecord, readLayerRecord } from "../../storage/layers.ts";
import { lockFileSoon } from "../../storage/lock.ts";
import { temporaryPlace } from "../../storage/temporary.ts";
import { TsboxError } from "../../errors.ts";
import { removeTrees } from "../worker.ts";
import { downloadBlob } from "./download.ts";
import { LayerEvents } from "./layer_events.ts";
import { lacksBlob, type StoredForms } from "./lacks_blob.ts";
import { Unpacking } from "./unpacking.ts";
import type { LayerWork, RegistrySource, WantedLayer } from "./work.ts";

/** A download that must not be gone on with: its bytes are to blame. */
const GUILTY = new Set(["corrupt", "limit-exceeded", "unsupported"]);

/**
 * Makes sure that the layer is unpacked. Of two pulls of one layer, also in other processes, one works
 * and the other waits.
 * @throws TsboxError; what was downloaded stays, for the next pull to go on with
 */
export async function provideLayer(
  layer: WantedLayer,
  work: LayerWork & { forms: StoredForms },
): Promise<LayerRecord> {
  const events = new LayerEvents(layer.descriptor, work.onLayer);
  const { dataRoot, signal } = work;
  const found = existing(layer, work, events);
  if (found !== undefined) return found;
  const lockPath = `${partialPath(dataRoot, layer.descriptor.digest)}.lock`;
  const lock = await lockFileSoon(lockPath, "exclusive", { signal, onWait: () => events.locked() });
  try {
    return existing(layer, work, events) ?? (await make(layer, work, events));
  } finally {
    // Whoever waits for it sees that the file is gone, and locks a new one.
    rmSync(lockPath, { force: true });
    lock.release();
  }
}

/** The layer, unless its blob is to be fetched: then it is unpacked once more, since only so is its content checked. */
function existing(
  layer: WantedLayer,
  work: LayerWork & { forms: StoredForms },
  events: LayerEvents,
): LayerRecord | undefined {
  if (!isThere(layer, work)) return undefined;
  events.exists();
  return readLayerRecord(work.dataRoot, layer.chainID);
}

/** Whether nothing is to be done for a layer. */
export function isThere(layer: WantedLayer, work: LayerWork & { forms: StoredForms }): boolean {
  return hasLayer(work.dataRoot, layer.chainID) && !lacksBlob(layer, work);
}

async function make(
  layer: WantedLayer,
  work: LayerWork,
  events: LayerEvents,
): Promise<LayerRecord> {
  const place = temporaryPlace(work.dataRoot, "layer");
  try {
    const record = await fetchAndUnpack(layer, work, place.path, events);
    giveName(place.path, layerHome(work.dataRoot, layer.chainID));
    events.complete(record);
    return record;
  } finally {
    try {
      if (existsSync(place.path)) await removeTrees([place.path], work.userns(), work.self);
    } finally {
      place.release();
    }
  }
}

/** The layer may be there: another blob may hold the same, and its pull have been faster. */
function giveName(path: string, name: string): void {
  try {
    renameSync(path, name);
  } catch (error) {
    if (!existsSync(`${name}/layer.json`)) throw error;
  }
}

async function fetchAndUnpack(
  layer: WantedLayer,
  work: LayerWork,
  target: string,
  events: LayerEvents,
): Promise<LayerRecord> {
  const { digest } = layer.descriptor;
  const { dataRoot } = work;
  const source = sourceOf(work, digest);
  if (source.kind === "file") {
    try {
      return await unpackFile(source.path, layer, work, target, events);
    } catch (error) {
      if (!isGuilty(error) || work.source.kind === "files") throw error;
      // The disk has changed it; the registry has another.
      rmSync(source.path, { force: true });
      await removeTrees([target], work.userns(), work.self);
      return await fetchAndUnpack(layer, work, target, events);
    }
  }
  refuseTooLarge(layer, work);
  const path = partialPath(dataRoot, digest);
  const resumed = sizeOf(path) > 0;
  const mirrored = source.client.isMirrored(source.reference);
  try {
    return await downloadAndUnpack(layer, work, source, path, target, events);
  } catch (error) {
    if (!isGuilty(error)) throw error;
    rmSync(path, { force: true });
    if (!resumed && !mirrored) throw error;
    source.client.leaveMirrors(source.reference);
  }
  // What an earlier try had left may be the reason (a crash can leave holes), or a mirror that lies.
  // Once more, from nothing.
  await removeTrees([target], work.userns(), work.self);
  return await downloadAndUnpack(layer, work, source, path, target, events);
}

async function unpackFile(
  path: string,
  layer: WantedLayer,
  work: LayerWork,
  target: string,
  events: LayerEvents,
): Promise<LayerRecord> {
  events.downloaded();
  const unpacking = new Unpacking(layer, work, path, target, events);
  return await guarded(unpacking, work.signal, () => unpacking.finish(layer.descriptor.size));
}

/** Before a byte is stored: compressed it is hardly larger than what it may become. */
function refuseTooLarge({ descriptor }: WantedLayer, { limits }: LayerWork): void {
  if (descriptor.size <= limits.bytes * 1.01 + 65_536) return;
  throw new TsboxError(
    "limit-exceeded",
    `Cannot use the layer ${descriptor.digest}: it has ${descriptor.size} bytes, more than ${limits.bytes}`,
    { hint: "raise max-layer-bytes (TSBOX_MAX_LAYER_BYTES) if you trust the image" },
  );
}

/** The whole blob where there is one, else who can be asked for it. */
function sourceOf(
  { dataRoot, source }: LayerWork,
  digest: Digest,
): { kind: "file"; path: string } | RegistrySource {
  if (hasBlob(dataRoot, digest)) return { kind: "file", path: blobPath(dataRoot, digest) };
  return source.kind === "files" ? { kind: "file", path: source.pathOf(digest) } : source;
}

function isGuilty(error: unknown): boolean {
  return error instanceof TsboxError && GUILTY.has(error.code);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function downloadAndUnpack(
  layer: WantedLayer,
  work: LayerWork,
  { client, reference }: RegistrySource,
  path: string,
  target: string,
  events: LayerEvents,
): Promise<LayerRecord> {
  const { signal } = work;
  const { descriptor } = layer;
  // The worker opens it at once.
  closeSync(openSync(path, "a", 0o600));
  const unpacking = new Unpacking(layer, work, path, target, events);
  return await guarded(unpacking, signal, async () => {
    const digest = await downloadBlob({
      client,
      reference,
      descriptor,
      path,
      signal,
      onRetry: ({ reason, delay }) => events.retrying(reason, delay),
      onBytes(bytes) {
        events.downloading(bytes);
        unpacking.grow(bytes);
      },
    });
    if (digest !== descriptor.digest) throw wrongDigest(descriptor.digest, digest);
    events.downloaded();
    const record = await unpacking.finish(descriptor.size);
    nameBlob(work.dataRoot, descriptor.digest, path);
    return record;
  });
}

/** Leaves no worker behind, and stops it when the user interrupts. */
async function guarded(
  unpacking: Unpacking,
  signal: AbortSignal,
  action: () => Promise<LayerRecord>,
): Promise<LayerRecord> {
  const onAbort = () => void unpacking.abandon();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await action();
  } catch (error) {
    await unpacking.abandon();
    throwIfCancelled(signal);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function wrongDigest(wanted: Digest, found: Digest): TsboxError {
  return new TsboxError(
    "corrupt",
    `Cannot use the layer ${wanted}: the registry sent ${found} in its place`,
  );
}
