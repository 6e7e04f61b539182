/** `import`: an archive of files becomes an image of one layer. */
import { applyChanges } from "../build/changes.ts";
import type { ContainerConfig } from "../build/container_config.ts";
import { parseSignal } from "../container/signals.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { hostPlatform, parsePlatform, type Platform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";
import { timestamp } from "../storage/container_record.ts";
import { logEvents } from "../storage/event_log.ts";
import { type AdoptionOptions, withAdoption } from "./archive/adoption.ts";
import type { ArchiveInput } from "./archive/input.ts";
import type { LoadableImage } from "./archive/loadable_image.ts";
import { ownImage } from "./archive/own_image.ts";
import { copyPlain } from "./archive/plain_copy.ts";
import type { SpooledFile } from "./archive/spool.ts";
import type { EngineContext } from "./context.ts";
import { imageEvent } from "./events/image_event.ts";
import { settingOf } from "./settings/table.ts";

export interface ImportOptions extends AdoptionOptions {
  /** As the user wrote it; undefined: the image gets no name. */
  name?: string;
  /** Instructions of a Dockerfile. */
  changes: readonly string[];
  /** The comment in the image's history. */
  message: string;
  /** `os/architecture[/variant]`; else the setting `default-platform` says it, else this machine. */
  platform?: string;
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
  const { dataRoot, settings } = context;
  const platform = options.platform ?? settingOf(settings, "default-platform");
  const plan = planOf({ ...options, ...(platform !== undefined && { platform }) });
  return await withAdoption(context, "import", options, async ({ folder, limits, adopt }) => {
    const layer = await copyPlain(input, `${folder}/layer`, limits.bytes, options.signal);
    const image = imageOf(layer, plan);
    await adopt([image]);
    const { digest } = image.manifest.config;
    logEvents(dataRoot, [imageEvent("import", digest)]);
    return digest;
  }).catch((error: unknown) => {
    throw aboutImport(error, input.name);
  });
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
  return ownImage({ document, names, layers: [], file });
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
