/** From an image's layers to something the launcher can mount, by the storage driver that works here. */
import type { RunOptions } from "../../container/run_options.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { isErrno, makeDirectory } from "../../ffi/quick_files.ts";
import type { Driver } from "../../rootless/drivers/choose_driver.ts";
import type { LayeredRootfs } from "../../rootless/drivers/rootfs.ts";
import type { Rootfs } from "../../rootless/launch.ts";
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import { layerDirectory } from "../../storage/layers.ts";
import { removeDirectly } from "../../storage/remove_directly.ts";
import { skeletonLayer } from "../../storage/skeleton.ts";
import type { EngineContext } from "../context.ts";
import type { RunHost } from "./host.ts";

/** A root file system and what is to be done when the container is gone. */
export interface RootFilesystem {
  rootfs: Rootfs;
  /** How it is made, as `info` names it; empty with `--rootfs`. */
  driver: string;
  /** @param discard nothing that was written is wanted */
  release(discard: boolean): Promise<void>;
}

const nothing = () => Promise.resolve();

/** The directory of `--rootfs`, used as it is. */
export function givenDirectory(path: string): RootFilesystem {
  return { rootfs: { kind: "directory", path }, driver: "", release: nothing };
}

/** What the root file system of a container is made for. */
export interface ContainerPlace {
  options: Pick<RunOptions, "remove">;
  userns: UserNamespace;
  context: Pick<EngineContext, "dataRoot">;
  host: RunHost;
  container: { directory: string };
}

/** Makes the root file system of a container of `image` in its directory. @throws TsboxError */
export function imageFilesystem(
  image: StoredImage,
  driver: Driver,
  place: ContainerPlace,
): Promise<RootFilesystem> | RootFilesystem {
  const { options, container: { directory }, context: { dataRoot } } = place;
  const lower = [skeletonLayer(dataRoot)];
  for (const id of image.chainIDs) lower.unshift(layerDirectory(dataRoot, id));
  if (driver.name === "copy") return copied(lower, place);
  const layered = { lower, upper: `${directory}/upper`, work: `${directory}/work` };
  makeUpper(layered);
  if (driver.name === "overlay") {
    const rootfs = {
      kind: "overlay",
      ...layered,
      mountPoint: directory,
      volatile: options.remove,
    } as const;
    return { rootfs, driver: driver.name, release: nothing };
  }
  return fuseMounted(layered, driver.executable, place);
}

async function copied(
  lower: readonly string[],
  { container: { directory }, userns, host }: ContainerPlace,
): Promise<RootFilesystem> {
  const { copyLayers } = await import("./copied_filesystem.ts");
  const path = await copyLayers(lower, directory, userns, host);
  return { rootfs: { kind: "directory", path }, driver: "copy", release: nothing };
}

async function fuseMounted(
  layered: LayeredRootfs,
  executable: string,
  { container: { directory }, userns }: ContainerPlace,
): Promise<RootFilesystem> {
  const { mountFuseOverlay } = await import("../../rootless/drivers/fuse_overlay.ts");
  const fuse = mountFuseOverlay(userns, layered, executable);
  return {
    rootfs: { kind: "detached", mount: fuse.mount, mountPoint: directory },
    driver: "fuse-overlayfs",
    release: (discard) => fuse.stop(discard),
  };
}

/** A container that is started again has both. What a volatile mount left in `work` forbids another one. */
function makeUpper({ upper, work }: { upper: string; work: string }): void {
  if (!made(upper, 0o755)) removeDirectly(work);
  made(work, 0o700);
}

/** False when it is there already. */
function made(path: string, mode: number): boolean {
  try {
    makeDirectory(path, mode);
    return true;
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.EEXIST)) return false;
    throw thrown;
  }
}
