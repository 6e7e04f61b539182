/** Images that are made here, of a configuration and at most one new layer. */
import { digestOf } from "../../oci/digest.ts";
import { type Descriptor, parseManifest } from "../../oci/manifest.ts";
import { type LoadableImage, loadableImage } from "./loadable_image.ts";
import type { SpooledFile } from "./spool.ts";
import { makeManifest } from "./stored_contents.ts";

/** What it is made of. */
export interface OwnImage {
  /** The configuration (image-spec, config.md), as it is to be written. */
  document: unknown;
  /** Canonical. */
  names: string[];
  /** Those that are there already, base first. */
  layers: readonly Descriptor[];
  /** A plain archive that becomes the topmost layer. */
  file: SpooledFile | undefined;
}

/** The image with the documents that say so. @throws TsboxError as loadableImage */
export function ownImage({ document, names, layers, file }: OwnImage): LoadableImage {
  const configBytes = new TextEncoder().encode(JSON.stringify(document));
  const config = {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: digestOf(configBytes),
    size: configBytes.length,
  };
  const top = file === undefined ? [] : [file].map(({ digest, size }) => ({
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest,
    size,
  }));
  const manifestDocument = makeManifest(config, [...layers, ...top]);
  const manifest = parseManifest(manifestDocument.bytes, manifestDocument.descriptor.mediaType);
  if (manifest.kind !== "manifest") throw new Error("an own manifest became an index");
  const files = new Map(file ? [[file.digest, file]] : []);
  return loadableImage({
    names,
    manifest,
    manifestDocument,
    configBytes,
    files,
    wanted: undefined,
  });
}
