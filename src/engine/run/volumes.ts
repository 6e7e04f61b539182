/** The volumes of a container that is being made: found or made, filled from the image, noted as in use. */
import { listDirectory } from "../../ffi/listing.ts";
import { exists, isErrno } from "../../ffi/quick_files.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { MountRequest, RunOptions, VolumeRequest } from "../../container/run_options.ts";
import { composeMounts, sharedMounts } from "../../container/volume_mounts.ts";
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import { findContainer } from "../../storage/find_container.ts";
import { needsFilling } from "../../storage/fill_need.ts";
import type { VolumeFilling } from "../../storage/fill_volume.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import { layerDirectory } from "../../storage/layers.ts";
import { type VolumeReference, writeReferences } from "../../storage/volume_references.ts";
import {
  ANONYMOUS_LABEL,
  anonymousName,
  ARRIVING,
  ensureVolume,
  findVolume,
  withVolumes,
} from "../../storage/volumes.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { checkVolumeOptions, contentOf } from "../volume_driver.ts";
import { prepareBindSources } from "./bind_sources.ts";
import type { RunHost } from "./host.ts";

/** What the volumes of a container are made for. */
export interface VolumePlace {
  options: RunOptions;
  /** Undefined with `--rootfs`. */
  image: StoredImage | undefined;
  userns: UserNamespace;
  context: Pick<EngineContext, "dataRoot">;
  host: Pick<RunHost, "self" | "notice">;
  container: { directory: string };
  /** What is known of a container that was made before: it has its mounts already. */
  previous?: Pick<ContainerRecord, "options"> | undefined;
}

/**
 * The options with all mounts of the container in them, volumes ready to be mounted. For a container that was
 * made before the volumes are those it has, and nothing is copied.
 * @throws TsboxError; the container's directory knows what was made, so that it goes with the container
 */
export async function withPreparedVolumes(place: VolumePlace): Promise<RunOptions> {
  const { options, context: { dataRoot }, previous } = place;
  const mounts = previous === undefined ? newMounts(place) : previous.options.mounts;
  const prepared = withVolumes(dataRoot, () => ensureVolumes(mounts, place));
  if (!options.debugPlan) await fill(mounts.filter(isNew), place);
  return { ...options, mounts: prepared };
}

function newMounts({ options, image, context: { dataRoot } }: VolumePlace): MountRequest[] {
  const taken = (options.volumesFrom ?? []).flatMap(({ container, readOnly }) =>
    sharedMounts(findContainer(dataRoot, container).record.options.mounts, readOnly)
  );
  if (!options.debugPlan) prepareBindSources(taken);
  return composeMounts(options.mounts, taken, image?.config.volumes ?? [])
    .map((mount) => mount.type === "volume" ? named(mount) : mount);
}

/** Once it has content, a volume was prepared before. */
function isNew(mount: MountRequest): mount is VolumeRequest {
  return mount.type === "volume" && mount.content === undefined;
}

function named(mount: VolumeRequest): VolumeRequest {
  if (mount.name !== "") return mount;
  return { ...mount, name: anonymousName(), anonymous: true };
}

/** First the note, then the volumes: who is killed in between has noted some that never were. */
function ensureVolumes(mounts: readonly MountRequest[], place: VolumePlace): MountRequest[] {
  const { options: { debugPlan, remove }, context: { dataRoot }, container } = place;
  const volumes = mounts.filter((mount) => mount.type === "volume");
  volumes.forEach(({ driverOptions = {} }) => checkVolumeOptions(driverOptions));
  const references = volumes.map(({ name, anonymous }): VolumeReference => ({
    name,
    // A plan leaves nothing: what is made for it goes with its container.
    anonymous: anonymous || (debugPlan && findVolume(dataRoot, name) === undefined),
  }));
  writeReferences(container.directory, references);
  return mounts.map((mount) => mount.type === "volume" ? ready(mount, dataRoot, remove) : mount);
}

/** @param remove the container goes when it has ended, and with it what is anonymous */
function ready(mount: VolumeRequest, dataRoot: string, remove: boolean): VolumeRequest {
  const { name, labels, driverOptions: options = {}, anonymous, subpath } = mount;
  const own = anonymous ? { [ANONYMOUS_LABEL]: "" } : {};
  // One that somebody has made before must not come back empty.
  if ((mount.origin === "from" || !isNew(mount)) && findVolume(dataRoot, name) === undefined) {
    throw new TsboxError(
      "not-found",
      `Cannot mount on "${mount.target}": no such volume: ${name}`,
      {
        hint: "it was removed meanwhile",
      },
    );
  }
  const volume = ensureVolume(dataRoot, {
    name,
    labels: { ...labels, ...own },
    options,
    volatile: anonymous && remove,
  });
  const content = contentOf(volume);
  if (subpath !== undefined && content.kind === "tmpfs") {
    throw new TsboxError("unsupported", `Cannot mount "${subpath}" of the volume "${name}"`, {
      hint: "a volume of type tmpfs is empty when it is mounted",
    });
  }
  return { ...mount, content };
}

/** Copies the image's content into the volumes that are empty, by a worker: its owners are the container's. */
async function fill(volumes: readonly VolumeRequest[], place: VolumePlace): Promise<void> {
  const { options, image, context: { dataRoot }, userns, host } = place;
  const layers = image === undefined
    ? [options.rootfs ?? ""]
    : image.chainIDs.map((id) => layerDirectory(dataRoot, id)).reverse();
  const fillings = volumes.flatMap((volume) => fillingOf(volume, dataRoot, layers));
  if (fillings.length === 0) return;
  const { startJob } = await import("../worker.ts");
  const unread = await startJob(
    {
      kind: "fill",
      layers,
      ids: userns.map.kind,
      volatile: options.remove && volumes.every(({ anonymous }) => anonymous),
      volumes: fillings,
    },
    userns,
    host.self,
  ).result;
  for (const path of Array.isArray(unread) ? unread : []) {
    host.notice(
      `tsbox: warning: ${path} of the image was not copied into its volume: its owner has no id here`,
    );
  }
}

/** What is to be done for a volume: nothing for one that has content already, or that is not a folder of ours. */
function fillingOf(
  request: VolumeRequest,
  dataRoot: string,
  layers: readonly string[],
): VolumeFilling[] {
  const { name, target, noCopy, subpath } = request;
  const volume = findVolume(dataRoot, name);
  if (volume === undefined || contentOf(volume).kind !== "directory") return [];
  if (Object.keys(volume.options).length > 0) return [];
  const { directory, data } = volume;
  if (!noCopy && subpath === undefined && mayBeEmpty(data)) {
    return needsFilling(layers, target, data) ? [{ volume: directory, path: target }] : [];
  }
  // Looked for after the content: it is there before any of it has come.
  return exists(`${directory}/${ARRIVING}`) ? [{ volume: directory }] : [];
}

/** Only root of the user namespace can look into a folder of one of its users: that is for the worker. */
function mayBeEmpty(data: string): boolean {
  try {
    return listDirectory(data).length === 0;
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.EACCES)) return true;
    if (thrown instanceof TypeError) return false; // a name that is not UTF-8 is a name
    throw thrown;
  }
}
