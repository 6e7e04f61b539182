/** The directories that a container's root file system is made of. */
import { existsSync } from "node:fs";
import { TsboxError } from "../errors.ts";
import type { StoredContainer } from "../storage/containers.ts";
import { findImage } from "../storage/image_index.ts";
import { skeletonLayer } from "../storage/skeleton.ts";
import { lowerDirectories } from "./inspect_image.ts";

/** Absolute paths. */
export type ContainerLayers =
  /** One directory is all: the user's own (`--rootfs`), or a copy of the image's. */
  | { kind: "whole"; directory: string; own: boolean }
  /** What the container changed lies on the image's layers, the topmost of these first. */
  | {
    kind: "layered";
    /** Undefined: it never ran. */
    upper: string | undefined;
    lower: string[];
    /** What is hidden is marked as fuse-overlayfs does. */
    fuse: boolean;
  };

/** Where the files of a container are. @throws TsboxError "corrupt" when its image is gone */
export function containerLayers(
  dataRoot: string,
  { record, directory }: StoredContainer,
): ContainerLayers {
  const { driver, options } = record;
  if (options.rootfs !== undefined) {
    return { kind: "whole", directory: options.rootfs, own: true };
  }
  if (driver === "copy") return { kind: "whole", directory: `${directory}/rootfs`, own: false };
  const upper = `${directory}/upper`;
  return {
    kind: "layered",
    upper: existsSync(upper) ? upper : undefined,
    lower: imageLayers(dataRoot, record),
    fuse: driver !== "overlay",
  };
}

/** The layers of a container's image, the topmost first. @throws TsboxError "corrupt" when it is gone */
export function imageLayers(
  dataRoot: string,
  { image, name }: StoredContainer["record"],
): string[] {
  const found = findImage(dataRoot, image.id);
  if (found !== undefined) return [...lowerDirectories(dataRoot, found), skeletonLayer(dataRoot)];
  const message = `Cannot read the files of ${name}: its image ${image.id} is gone`;
  throw new TsboxError("corrupt", message);
}
