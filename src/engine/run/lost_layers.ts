/** Why a container could not be mounted, when the store is to blame: asked for only after a failure. */
import { TsboxError } from "../../errors.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { isErrno } from "../../ffi/quick_files.ts";
import { findImage } from "../../storage/image_index.ts";
import { hasLayer } from "../../storage/layers.ts";
import type { EngineContext } from "../context.ts";
import { storedName } from "../short_names.ts";

/**
 * The error to show for one that starting a container threw. Any value is taken, none is thrown.
 * @param image as in RunOptions: empty with `--rootfs`
 */
export function explainLostLayers(
  thrown: unknown,
  image: string,
  context: EngineContext,
): unknown {
  if (!isErrno(thrown, ERRNO.ENOENT) || image === "") return thrown;
  const lost = lostLayer(image, context);
  if (lost === undefined) return thrown;
  return new TsboxError("corrupt", `Cannot run ${image}: the store has lost its layer ${lost}`, {
    cause: thrown,
    hint: "'tsbox system check --repair' brings it back",
  });
}

function lostLayer(text: string, context: EngineContext): string | undefined {
  const { dataRoot } = context;
  try {
    const image = findImage(dataRoot, storedName(context, text));
    return image?.chainIDs.find((chainID) => !hasLayer(dataRoot, chainID));
  } catch {
    return undefined;
  }
}
