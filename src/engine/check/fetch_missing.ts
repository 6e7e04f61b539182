/** Fetches anew what was lost of an image. */
import { formatPlatform } from "../../oci/platform.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import type { EngineContext } from "../context.ts";
import { pullLocked } from "../pull.ts";

/** An image, or what the index still knows of one: then its digests are those of the platform that is pulled otherwise. */
export type Fetchable =
  & Pick<StoredImage, "digests">
  & Partial<Pick<StoredImage, "platform" | "indexDigest">>;

/**
 * Pulls an image by the digests it came by, until one of its registries has it: what the store has is not fetched
 * again. The caller holds layers.lock.
 * @throws TsboxError as pullImage
 */
export async function fetchMissing(
  { digests, platform, indexDigest }: Fetchable,
  context: EngineContext,
  { self, signal }: { self: SelfCommand; signal: AbortSignal },
): Promise<void> {
  const isIndex = (name: string) => indexDigest !== undefined && name.endsWith(`@${indexDigest}`);
  // By the index comes the manifest, too.
  const all = [...digests.filter(isIndex), ...digests.filter((name) => !isIndex(name))];
  let failure: unknown;
  for (const digest of all) {
    try {
      const wanted = platform === undefined ? {} : { platform: formatPlatform(platform) };
      await pullLocked(digest, context, { self, signal, ...wanted });
      return;
    } catch (thrown) {
      failure ??= thrown;
      if (signal.aborted) break;
    }
  }
  throw failure;
}
