/** Unpacked layers: one directory each, immutable once it has its final name. */
import { listDirectory } from "../ffi/listing.ts";
import { exists, readText, readTextIfAny } from "../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { digestHex, digestOf, isDigest } from "../oci/digest.ts";
import { storePaths } from "./layout.ts";

/** What is known of an unpacked layer; `layer.json` beside its `diff`. */
export interface LayerRecord {
  /** Digest of the layer's uncompressed tar. */
  diffID: string;
  /** Bytes of its files. */
  size: number;
  /** Number of its entries. */
  entries: number;
  /** Owners could not be set, because only one id is mapped. */
  ownersLost: boolean;
  /** Device nodes that were left out: they cannot be made without privileges. */
  skippedDevices: number;
  /** Extended attributes that were left out: not allowed to an image, or not kept by the file system. */
  skippedXattrs: number;
}

/** A chain id becomes a file name, so it must be nothing but a digest. */
function hexOf(chainID: string): string {
  if (isDigest(chainID)) return digestHex(chainID);
  throw new TsboxError("corrupt", `Cannot find the layer ${JSON.stringify(chainID)}: not a digest`);
}

/** Absolute path of the directory that holds a layer's `diff` and `layer.json`. */
export function layerHome(dataRoot: string, chainID: string): string {
  return `${storePaths(dataRoot).layers}/${hexOf(chainID)}`;
}

/** Absolute path of a layer's files. Pure: does not say that the layer is there. */
export function layerDirectory(dataRoot: string, chainID: string): string {
  return `${layerHome(dataRoot, chainID)}/diff`;
}

/** Whether the layer is unpacked; it has its name only when it is complete. */
export function hasLayer(dataRoot: string, chainID: string): boolean {
  return exists(`${layerHome(dataRoot, chainID)}/layer.json`);
}

/** @throws TsboxError "corrupt" when the record is missing or not readable */
export function readLayerRecord(dataRoot: string, chainID: string): LayerRecord {
  const path = `${layerHome(dataRoot, chainID)}/layer.json`;
  try {
    const record: unknown = JSON.parse(readText(path));
    if (isLayerRecord(record)) return record;
    throw new TsboxError("corrupt", "it is not a layer's record");
  } catch (error) {
    throw new TsboxError("corrupt", `Cannot read "${path}": ${messageOf(error)}`, {
      cause: error,
      hint: "'tsbox system check --repair' unpacks the layer anew",
    });
  }
}

/** How many entries a layer has that lies in this directory; undefined when it does not say. */
export function entriesOfLayer(home: string): number | undefined {
  const text = readTextIfAny(`${home}/layer.json`);
  try {
    const record: unknown = JSON.parse(text ?? "null");
    return isLayerRecord(record) ? record.entries : undefined;
  } catch {
    return undefined;
  }
}

/** We alone write these files, whole: one field vouches for the others. */
export function isLayerRecord(value: unknown): value is LayerRecord {
  return typeof value === "object" && value !== null && "diffID" in value && "ownersLost" in value;
}

/** Chain ids of all unpacked layers. */
export function listLayers(dataRoot: string): string[] {
  return listDirectory(storePaths(dataRoot).layers)
    .map(({ name }) => name)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => `sha256:${name}`);
}

/**
 * Chain ids of a stack of layers, base first (image-spec, config.md, "Layer ChainID").
 * Pure. Two stacks share a chain id exactly as far as they are equal from the base up.
 */
export function chainIDs(diffIDs: readonly string[]): string[] {
  const ids: string[] = [];
  const encoder = new TextEncoder();
  for (const diffID of diffIDs) {
    const below = ids.at(-1);
    ids.push(below === undefined ? diffID : digestOf(encoder.encode(`${below} ${diffID}`)));
  }
  return ids;
}
