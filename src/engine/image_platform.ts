import { TsboxError } from "../errors.ts";
import { formatPlatform, parsePlatform, platformFits } from "../oci/platform.ts";
import { findImage, type StoredImage } from "../storage/image_index.ts";
import type { EngineContext } from "./context.ts";
import { noSuchImage } from "./images.ts";
import { storedName } from "./short_names.ts";

/**
 * The image that `text` means.
 * @param platform `os/arch[/variant]` that it must be for
 * Throws TsboxError("not-found"), also for an image of another platform, and ("invalid-argument").
 */
export function imageForPlatform(
  context: EngineContext,
  text: string,
  platform: string | undefined,
): StoredImage {
  const image = findImage(context.dataRoot, storedName(context, text));
  if (image === undefined) throw noSuchImage(text);
  if (platform === undefined || platformFits(image.platform, parsePlatform(platform))) return image;
  throw new TsboxError(
    "not-found",
    `image with reference ${text} was found but does not provide the specified platform (${platform})`,
    { hint: `it is for ${formatPlatform(image.platform)}` },
  );
}
