/** What layers say of themselves, as far as they do. */
import { type LayerRecord, readLayerRecord } from "../../storage/layers.ts";

/** The records of those that have one that can be read: the others are unpacked anew, once their image is known. */
export function layerRecords(dataRoot: string, chainIDs: readonly string[]): LayerRecord[] {
  return chainIDs.flatMap((chainID) => {
    try {
      return [readLayerRecord(dataRoot, chainID)];
    } catch {
      return [];
    }
  });
}
