/** Bounds of what a pulled layer may become: the user's, else generous ones. */
import type { UnpackLimits } from "../../storage/unpack.ts";
import type { EngineContext } from "../context.ts";
import { settingOf } from "../settings/table.ts";

export function unpackLimits({ settings }: Pick<EngineContext, "settings">): UnpackLimits {
  return {
    bytes: settingOf(settings, "max-layer-bytes"),
    entries: settingOf(settings, "max-layer-files"),
  };
}
