/** A manifest whose layers come in another form. Pure. */
import { TsboxError } from "../../errors.ts";
import { jsonText } from "../../oci/json_text.ts";
import type { Descriptor } from "../../oci/manifest.ts";

/**
 * The manifest with other layer blobs; whatever else it says stays.
 * @param bytes of a manifest that was decoded before @param layers as many as it has, from the bottom
 */
export function manifestWithLayers(bytes: Uint8Array, layers: readonly Descriptor[]): Uint8Array {
  const document: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const before: unknown = isObject(document) ? document["layers"] : undefined;
  if (!isObject(document) || !Array.isArray(before) || before.length !== layers.length) {
    throw new TsboxError(
      "corrupt",
      "Cannot use the manifest: its layers are not those of the image",
    );
  }
  const after = layers.map(({ mediaType, digest, size }, i) => {
    const old: unknown = before[i];
    return { ...(isObject(old) ? old : {}), mediaType, digest, size };
  });
  const text = jsonText({ ...document, layers: after }, "image manifest");
  return new TextEncoder().encode(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
