/** What the programs of a launch are kept by. */
import { ARCH } from "../../ffi/numbers.ts";
import type { Keeping } from "../../rootless/launch.ts";
import { currentBoot } from "../../storage/container_lock.ts";
import type { Run } from "./preparation.ts";

// Put in by compile.ts; absent when the source is run: it may be another one with each run.
declare const TSBOX_SOURCES: string | undefined;

/** Undefined: they are not kept. */
export function keepingOf(
  { image, container: { id }, context: { runtimeDir } }: Run,
): Keeping | undefined {
  if (typeof TSBOX_SOURCES !== "string") return undefined;
  return {
    directory: `${runtimeDir}/launches`,
    mark: `${TSBOX_SOURCES} ${ARCH} ${currentBoot()}`,
    id,
    about: parseInt(image?.id.slice(-6) ?? "0", 16) || 0,
  };
}
