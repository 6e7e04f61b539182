/** Unpacks archives made by a test in a real worker, and looks at what came out. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { startJob } from "../../src/engine/worker.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { isLayerRecord, type LayerRecord } from "../../src/storage/layers.ts";
import { DEFAULT_LIMITS, type UnpackLimits } from "../../src/storage/unpack.ts";
import { SELF, type Workshop } from "./worker.ts";

export interface UnpackRequest {
  isBase?: boolean;
  ids?: "full" | "single";
  limits?: Partial<UnpackLimits>;
  /** Folder in the layers' one, with a closing slash. */
  below?: string;
  /** The digest of the uncompressed bytes, when they are not what is given. */
  diffID?: Digest;
}

let counter = 0;

export interface Unpacked {
  record: LayerRecord;
  /** Absolute path of the layer's files. */
  diff: string;
}

/** Unpacks `bytes` as a layer. @throws what the worker threw */
export async function unpack(
  shop: Workshop,
  bytes: Uint8Array,
  request: UnpackRequest = {},
): Promise<Unpacked> {
  const blob = `${shop.folder}/blob-${counter}`;
  const target = `${shop.folder}/layers/${request.below ?? ""}${counter++}`;
  writeFileSync(blob, bytes);
  const job = startJob(
    {
      kind: "unpack",
      blob,
      target,
      diffID: request.diffID ?? digestOf(bytes),
      isBase: request.isBase ?? false,
      ids: request.ids ?? "full",
      limits: { ...DEFAULT_LIMITS, ...request.limits },
    },
    shop.userns,
    SELF,
  );
  job.tell(`${bytes.length} end`);
  const record = await job.result;
  if (!isLayerRecord(record)) throw new Error("the worker gave no record");
  return { record, diff: `${target}/diff` };
}

/** The code of the error that unpacking ends with; `unpacked` without one. */
export async function unpackError(
  shop: Workshop,
  bytes: Uint8Array,
  request: UnpackRequest = {},
): Promise<string> {
  return await unpack(shop, bytes, request).then(() => "unpacked", (error) => error.code);
}

/** A tree as lines of `path kind mode`, sorted. */
export function listing(folder: string, prefix = ""): string[] {
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => a.name < b.name ? -1 : 1)
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      const shown = `${prefix}${entry.name}`;
      const mode = (lstatSync(path).mode & 0o7777).toString(8);
      if (entry.isDirectory()) return [`${shown}/ ${mode}`, ...listing(path, `${shown}/`)];
      if (entry.isSymbolicLink()) return [`${shown} -> ${readlinkSync(path)}`];
      if (entry.isFile()) return [`${shown} ${mode} ${readFileSync(path, "latin1").slice(0, 40)}`];
      return [`${shown} ${entry.isFIFO() ? "fifo" : "device"} ${mode}`];
    });
}
