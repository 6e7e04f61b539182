/** The config of an image as it was received: what the index leaves out is in it. */
import { existsSync, readFileSync } from "node:fs";
import { TsboxError } from "../errors.ts";
import { digestAlgorithm, isDigest } from "../oci/digest.ts";
import {
  type BuildPart,
  type ImageConfig,
  parseBuildPart,
  parseImageConfig,
} from "../oci/image_config.ts";
import { blobPath } from "../storage/content_store.ts";

/** With what the index and the records of images leave out. */
export interface ConfigDocument extends ImageConfig {
  build: BuildPart;
}

/**
 * The image's config with its history; undefined when the store has no copy of it.
 * Throws TsboxError("corrupt") when it is not what its name says.
 */
export function configDocument(dataRoot: string, id: string): ConfigDocument | undefined {
  if (!isDigest(id)) return undefined;
  const path = blobPath(dataRoot, id);
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const algorithm = digestAlgorithm(id);
  const found = new Bun.CryptoHasher(algorithm).update(bytes).digest("hex");
  if (`${algorithm}:${found}` === id) {
    return { ...parseImageConfig(bytes), build: parseBuildPart(bytes) };
  }
  throw new TsboxError("corrupt", `Cannot read "${path}": its content is not what its name says`, {
    hint: "'tsbox system check --repair' deletes it; then pull or load the image again",
  });
}
