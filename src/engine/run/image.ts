/** The image of a `run`: from the store, or pulled as `--pull` says. */
import type { RunOptions } from "../../container/run_options.ts";
import { type ImageDefaults, NO_IMAGE } from "../../container/host.ts";
import { findImage, type StoredImage } from "../../storage/image_index.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { storedName } from "../short_names.ts";
import type { RunHost } from "./host.ts";

/**
 * The image, pulled first where needed.
 * @throws TsboxError "not-found" with `--pull never`, and whatever a pull throws
 */
export async function imageFor(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<StoredImage> {
  const platform = options.platform ?? context.settings["default-platform"];
  if (options.pull !== "always") {
    const found = findImage(context.dataRoot, storedName(context, options.image));
    if (found !== undefined && (await suits(found, platform))) return found;
    if (options.pull === "never") throw missing(options.image, platform, found);
    host.notice(`Unable to find image '${await familiar(options.image)}' locally`);
  }
  host.pulling?.();
  const { pullImage } = await import("../pull.ts");
  return await pullImage(options.image, context, {
    self: host.self,
    ...(platform === undefined ? {} : { platform }),
    ...(host.onPullEvent && !options.quiet ? { onEvent: host.onPullEvent } : {}),
  });
}

/** The image of a container that was made before. @throws TsboxError "not-found" when it was removed since */
export function imageById(id: string, { dataRoot }: EngineContext): StoredImage {
  const found = findImage(dataRoot, id);
  if (found !== undefined) return found;
  throw new TsboxError("not-found", `No such image: ${id}`, { hint: "pull or load it again" });
}

function suits(image: StoredImage, wanted: string | undefined): Promise<boolean> | boolean {
  return wanted === undefined || fits(image, wanted);
}

async function fits(image: StoredImage, wanted: string): Promise<boolean> {
  const { parsePlatform, platformFits } = await import("../../oci/platform.ts");
  return platformFits(image.platform, parsePlatform(wanted));
}

async function familiar(text: string): Promise<string> {
  const { parseReference } = await import("../../oci/reference.ts");
  return parseReference(text).familiar;
}

function missing(
  image: string,
  platform: string | undefined,
  found: StoredImage | undefined,
): TsboxError {
  if (found === undefined) return new TsboxError("not-found", `No such image: ${image}`);
  return new TsboxError(
    "not-found",
    `image with reference ${image} was found but does not provide the specified platform (${platform})`,
  );
}

/** What an image says, as the spec's maker takes it. */
export function imageDefaults(image: StoredImage | undefined): ImageDefaults {
  if (image === undefined) return NO_IMAGE;
  const { workingDir, ...config } = image.config;
  return { ...config, workdir: workingDir };
}
