/** Brings a manifest list and what it lists to a repository. */
import { TsboxError } from "../../errors.ts";
import { type Descriptor, parseManifest } from "../../oci/manifest.ts";
import { isKnownPlatform, listDocument, type ListedImage } from "../../oci/manifest_list.ts";
import { digestOf } from "../../oci/digest.ts";
import { parseReference, type Reference, withDigest } from "../../oci/reference.ts";
import type { RegistryClientOptions } from "../../registry/connection.ts";
import { RegistryClient } from "../../registry/registry_client.ts";
import { RegistryUploader } from "../../registry/registry_uploader.ts";
import type { BlobSource } from "../../registry/upload_body.ts";

/**
 * Mounts or copies images of other repositories of the registry, then stores the list.
 * @param onImage told of each image that was brought to the repository: `name@digest` and its digest
 * @returns the digest of the list
 * @throws TsboxError "conflict" in docker's words for an image of another registry
 */
export async function pushList(
  target: Reference,
  images: readonly ListedImage[],
  options: RegistryClientOptions,
  signal: AbortSignal,
  onImage: (pinned: string, digest: string) => void,
): Promise<string> {
  images.forEach((image) => checkImage(image, target));
  const [client, uploader] = [new RegistryClient(options), new RegistryUploader(options)];
  for (const { name, descriptor, raw } of images) {
    const source = parseReference(name);
    if (source.repository === target.repository) continue;
    const parsed = parseManifest(raw, descriptor.mediaType);
    const blobs = parsed.kind === "manifest" ? [parsed.config, ...parsed.layers] : [];
    for (const blob of blobs) {
      const mountFrom = [source.repository];
      await uploader.blob(target, remoteBlob(client, source, blob, signal), { mountFrom, signal });
    }
    const pinned = withDigest(target, descriptor.digest);
    await uploader.manifest(pinned, raw, descriptor.mediaType, { signal });
    onImage(pinned.canonical, descriptor.digest);
  }
  const { bytes, mediaType } = listDocument(images);
  await uploader.manifest(target, bytes, mediaType, { signal });
  return digestOf(bytes);
}

function checkImage({ name, descriptor: { platform } }: ListedImage, target: Reference): void {
  const { registry, canonical } = parseReference(name);
  if (registry !== target.registry) {
    throw new TsboxError(
      "conflict",
      `cannot use source images from a different registry than the target image: ${registry} != ${target.registry}`,
    );
  }
  if (isKnownPlatform(platform)) return;
  throw new TsboxError(
    "invalid-argument",
    `manifest ${canonical} must have an OS and Architecture to be pushed to a registry`,
    { hint: "use tsbox manifest annotate" },
  );
}

/** For a registry that does not mount. The bytes are its own: it checks their digest when it has them again. */
function remoteBlob(
  client: RegistryClient,
  reference: Reference,
  descriptor: Descriptor,
  signal: AbortSignal,
): BlobSource {
  const { digest, size } = descriptor;
  return {
    digest,
    size,
    async *read(start, end) {
      let position = start;
      for await (const chunk of client.blob(reference, descriptor, { offset: start, signal })) {
        const piece = chunk.subarray(0, end - position);
        position += piece.length;
        yield piece;
        if (position >= end) return;
      }
    },
  };
}
