/** Prints manifests and lists of them in docker's JSON. */
import { jsonText } from "../oci/json_text.ts";
import type { Inspected } from "../engine/manifest_list.ts";
import { listDocument, type ListedImage } from "../oci/manifest_list.ts";

const decoder = new TextDecoder();

/** @param verbose each image with its name, descriptor and manifest */
export function manifestText(found: Inspected, verbose: boolean): string {
  if (found.kind === "image") {
    const { image } = found;
    return indented(verbose ? verboseImage(image) : JSON.parse(decoder.decode(image.raw)));
  }
  if (!verbose) return `${decoder.decode(listDocument(found.images).bytes)}\n`;
  return indented(found.images.map(verboseImage));
}

function indented(value: unknown): string {
  return `${jsonText(value, "image manifest", "\t")}\n`;
}

function verboseImage({ name, descriptor, raw }: Omit<ListedImage, "raw"> & { raw?: Uint8Array }) {
  const { mediaType, digest, size, platform } = descriptor;
  const bytes = raw ?? new Uint8Array();
  const kind = mediaType.includes("docker") ? "SchemaV2Manifest" : "OCIManifest";
  return {
    Ref: name,
    Descriptor: { mediaType, digest, size, platform },
    Raw: Buffer.from(bytes).toString("base64"),
    [kind]: JSON.parse(decoder.decode(bytes)),
  };
}
