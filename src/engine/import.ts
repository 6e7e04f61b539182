/** `import`: an archive of files becomes an image of one layer. */
import { rmSync } from "node:fs";
import { applyChanges } from "../build/changes.ts";
import type { ContainerConfig } from "../build/container_config.ts";
import { parseSignal } from "../container/signals.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { makeDirectory } from "../ffi/quick_files.ts";
import { digestOf } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { hostPlatform, parsePlatform, type Platform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { timestamp } from "../storage/container_record.ts";
import { logEvents } from "../storage/event_log.ts";
import { openStore } from "../storage/layout.ts";
import { lockFileSoon } from "../storage/lock.ts";
import { temporaryPlace } from "../storage/temporary.ts";
import { adoptImages, discardLayers, missingLayers } from "./archive/adopt.ts";
import type { ArchiveInput } from "./archive/input.ts";
import { type LoadableImage, loadableImage } from "./archive/loadable_image.ts";
import { copyPlain } from "./archive/plain_copy.ts";
import type { SpooledFile } from "./archive/spool.ts";
import { makeManifest } from "./archive/stored_contents.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { ownNamespace } from "./own_namespace.ts";
import { unpackLimits } from "./pull/limits.ts";
import type { LayerState } from "./pull_events.ts";
import { sweepStore } from "./sweep.ts";

export interface ImportOptions {
  self: SelfCommand;
  /** As the user wrote it; undefined: the image gets no name. */
  name?: string;
  /** Instructions of a Dockerfile. */
  changes: readonly string[];
  /** The comment in the image's history. */
  message: string;
  platform?: string;
  signal: AbortSignal;
  onLayer?: (digest: string, state: LayerState) => void;
}

/**
 * Makes the image and returns its id. The archive may be plain or compressed by gzip or zstd.
 * @throws TsboxError "invalid-argument", "corrupt", "unsupported", "limit-exceeded", "unavailable", "no-space",
 *   "cancelled": nothing is left then
 */
export async function importImage(
  context: EngineContext,
  input: ArchiveInput,
  options: ImportOptions,
): Promise<string> {
  const { dataRoot } = context;
  const { self, signal } = options;
  const plan = planOf(options);
  const { layersLock } = openStore(dataRoot);
  const limits = unpackLimits(context);
  const onLayer = options.onLayer ?? (() => {});
  const adoption = { dataRoot, userns: ownNamespace(context), self, limits, signal, onLayer };
  // What is unpacked but not in the index yet must not be taken for unneeded.
  const lock = await lockFileSoon(layersLock, "shared", { signal });
  const place = temporaryPlace(dataRoot, "import");
  let made: string[] = [];
  try {
    makeDirectory(place.path, 0o700);
    const layer = await copyPlain(input, `${place.path}/layer`, limits.bytes, signal);
    const image = imageOf(layer, plan);
    made = missingLayers(dataRoot, [image]);
    await adoptImages([image], adoption);
    const { digest } = image.manifest.config;
    logEvents(dataRoot, [imageEvent("import", digest)]);
    return digest;
  } catch (error) {
    lock.release();
    await discardLayers(made, adoption);
    throw aboutImport(error, input.name);
  } finally {
    rmSync(place.path, { recursive: true, force: true });
    place.release();
    lock.release();
    await sweepStore(dataRoot, adoption.userns, self);
  }
}

/** What does not depend on the archive, checked before it is read. */
interface Plan {
  names: string[];
  platform: Platform;
  config: ContainerConfig;
  message: string;
}

function planOf({ name, changes, platform, message }: ImportOptions): Plan {
  const config = applyChanges({}, changes);
  if (config.StopSignal !== undefined) parseSignal(config.StopSignal);
  return {
    names: name === undefined ? [] : [tagged(name)],
    platform: platform === undefined ? hostPlatform() : parsePlatform(platform),
    config,
    message,
  };
}

function tagged(name: string): string {
  const reference = parseReference(name);
  if (reference.digest === undefined) return reference.canonical;
  throw new TsboxError("invalid-argument", "cannot import digest reference");
}

function imageOf(file: SpooledFile, { names, platform, config, message }: Plan): LoadableImage {
  const created = timestamp();
  const document = {
    created,
    ...platform,
    config,
    rootfs: { type: "layers", diff_ids: [file.digest] },
    history: [{ created, comment: message }],
  };
  const configBytes = new TextEncoder().encode(JSON.stringify(document));
  const manifestDocument = makeManifest({
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: digestOf(configBytes),
    size: configBytes.length,
  }, [{
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: file.digest,
    size: file.size,
  }]);
  const manifest = parseManifest(manifestDocument.bytes, manifestDocument.descriptor.mediaType);
  if (manifest.kind !== "manifest") throw new Error("an own manifest became an index");
  const files = new Map([[file.digest, file]]);
  return loadableImage({
    names,
    manifest,
    manifestDocument,
    configBytes,
    files,
    wanted: undefined,
  });
}

/** The reader of layers says what it does with layers. */
function aboutImport(error: unknown, name: string): unknown {
  if (!(error instanceof TsboxError)) return error;
  const why = /^Cannot (?:unpack|decompress) the layer: (.*)$/s.exec(messageOf(error))?.[1];
  if (why === undefined) return error;
  const { code, hint } = error;
  const details = { cause: error, ...(hint !== undefined && { hint }) };
  return new TsboxError(code, `Cannot import ${name}: ${why}`, details);
}
