/** Bounds of what a pulled layer may become: the user's, else generous ones. */
import type { UnpackLimits } from "../../storage/unpack.ts";
import { settingOf, type Settings } from "../settings/table.ts";

export function unpackLimits(settings: Settings): UnpackLimits {
  return {
    bytes: settingOf(settings, "max-layer-bytes"),
    entries: settingOf(settings, "max-layer-files"),
  };
}
